# 910_make_run.t - make run, status, stop, token and psql keep what they promise: a taken port is
# named, running again is harmless and mends what is broken, data survive a stop, a token is
# a token and nothing else, the application's login is no superuser, a second checkout is another world.
use strict;
use warnings;

use AgendaCheckout;
use AgendaTest;
use File::Find;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64url);
use PostgreSQL::Test::Utils;
use Test::More;

my $checkout = AgendaCheckout->new('run');
my $dir = $checkout->{dir};
my ($status, $out, $err);

# ---- a taken port ----
my $blocker = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', LocalPort => $checkout->{port});
($status, $out, $err) = $checkout->make('run');
isnt($status, 0, 'a taken port ends make run');
like($err, qr/port $checkout->{port} .*AGENDA_PORT/, 'with the port and the variable in the message');
close $blocker;

# ---- start, and start again ----
($status, $out, $err) = $checkout->make('run');
is($status, 0, 'make run') or diag($out . $err);
my ($status_code, $before) = $checkout->make('status');
is($status_code, 0, 'make status says that all runs');
is(scalar(() = $before =~ /^(?:postgres|gateway|broker)\s+pid \d+/mg), 3, 'three processes');
is(($checkout->make('run'))[0], 0, 'running it again is harmless');
is(($checkout->make('status'))[1], $before, 'and starts nothing anew');

# ---- what clients get ----
my %env = slurp("$dir/.run/env") =~ /^export (\w+)='([^']*)'$/mg;
is_deeply([ sort keys %env ], [qw(AGENDA_KAFKA_BROKERS AGENDA_URL PGDATABASE PGHOST PGPORT PGUSER)], '.run/env');
like($env{PGHOST}, qr{^/}, 'its paths are absolute');
is($env{AGENDA_URL}, "http://127.0.0.1:$checkout->{port}", 'its URL has no slash at the end');
is((stat "$dir/.run/jwt.key")[2] & 0777, 0600, 'the key of the tokens is private');

($status, $out, $err) = $checkout->make('token', q{USER=o'br"ien});
like($out, qr/\A[\w-]+\.[\w-]+\.[\w-]+\n\z/, 'make token prints a token and nothing else');
is(decode_json(decode_base64url((split /\./, $out)[1]))->{sub}, q{o'br"ien}, 'its subject is the name verbatim');
is(api_status($out), 200, 'and the gateway takes it');
is(api_status(substr($out, 0, -4) . "AAA\n"), 401, 'but not a forged one');
($status, $out, $err) = $checkout->make('token');
like($err, qr/"demo"/, 'without a name it says whose token it is');

my ($sql_status, $who) = psql("select current_user, rolsuper, pg_has_role('agenda_app', 'member') from pg_roles where rolname = current_user");
is($who, "agenda_demo|f|t\n", 'make psql is an application, no superuser');
isnt((psql('select * from agenda.ticks'))[0], 0, 'and does not see the engine');
is((psql('select rolsuper from pg_roles where rolname = current_user', 'AS=admin'))[1], "t\n", 'AS=admin is one');

# ---- a second checkout beside it ----
my $other = AgendaCheckout->new('other');
is(($other->make('run'))[0], 0, 'a second checkout runs beside the first');
is(($checkout->make('status'))[1], $before, 'which goes on as it was');
is(($other->make('stop'))[0], 0, 'it is stopped');
is(($checkout->make('status'))[0], 0, 'and the first still runs');

# ---- mends, stops, keeps ----
my ($gateway) = $before =~ /^gateway\s+pid (\d+)/m;
kill 'KILL', $gateway;
wait_until(sub { ($checkout->make('status'))[0] != 0 }, 'the gateway to be missed');
is(($checkout->make('run'))[0], 0, 'make run starts what is missing');
is(api_status(($checkout->make('token', 'USER=x'))[1]), 200, 'the gateway serves again');

psql("begin; select agenda.act_as(agenda.user_id_of('alice')); insert into agenda.tasks (title) values ('kept'); commit");
is(($checkout->make('stop'))[0], 0, 'make stop');
isnt(($checkout->make('status'))[0], 0, 'nothing runs then');
is_deeply([ grep { alive($_) } $before =~ /pid (\d+)/g ], [], 'no process is left');
is(($checkout->make('run'))[0], 0, 'and it starts again');
is((psql('select title from agenda.tasks', 'AS=admin'))[1], "kept\n", 'with the data');

# ---- installed elsewhere, and taken away ----
my $elsewhere = PostgreSQL::Test::Utils::tempdir();
is(($checkout->make('install-world', 'with_llvm=no', "DESTDIR=$elsewhere"))[0], 0, 'make install-world');
is_deeply(
    [ map { s{.*/|--\d+(?:\.\d+)*}{}gr } files($elsewhere) ],
    [qw(agenda-devbroker agenda-gateway pg_agenda.sql pg_agenda.control pg_agenda.so pg_agenda_delivery.so pg_agenda_ical.so pg_agenda_kafka.so)],
    'programs, extension and libraries');
is(($checkout->make('uninstall-world', 'with_llvm=no', "DESTDIR=$elsewhere"))[0], 0, 'make uninstall-world');
is_deeply([ files($elsewhere) ], [], 'leaves none of them');

done_testing;

# All files below a directory, by name.
sub files
{
    my ($top) = @_;
    my @found;
    find(sub { push @found, $File::Find::name if -f }, $top);
    return sort { (split m{/}, $a)[-1] cmp (split m{/}, $b)[-1] } @found;
}

sub psql
{
    my ($sql, @more) = @_;
    return $checkout->make('-s', 'psql', qq{ARGS=-Atqc "$sql"}, @more);
}

# A process that has ended and waits to be collected has no command line any more.
sub alive
{
    my ($pid) = @_;
    return -e "/proc/$pid/cmdline" && slurp("/proc/$pid/cmdline") ne '';
}

sub api_status
{
    my ($token) = @_;
    chomp $token;
    return `curl -s -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer $token' $env{AGENDA_URL}/api/tasks`;
}
