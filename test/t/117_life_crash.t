# Random lives of users who do several things at once (test/lib/random_life.sql), with the real workers on a clock that
# jumps, while scanner, backends and server are killed.  After each crash: what was acknowledged is there, fsck() finds
# nothing, and the model of random_life.sql holds.
#
# AGENDA_LIFE_MINUTES=n goes on for n minutes (default: four crashes), AGENDA_LIFE_SEED repeats the order of deeds.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $end = time + 60 * ($ENV{AGENDA_LIFE_MINUTES} // 0);
my $seed = $ENV{AGENDA_LIFE_SEED} // time % 1_000_000;
my $sessions = 5;    # two of each user but the last
my $life = "$FindBin::RealBin/../lib/random_life.sql";
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
srand $seed;
note("seed $seed");

my $node = agenda_node('life', 'restart_after_crash' => 'on', 'agenda.scanners' => 2, 'agenda.now' => '2030-01-01 00:00Z', 'deadlock_timeout' => '200ms');
$node->safe_psql('agenda', q{
    create role life_app login in role agenda_app;
    create table public.ledger (mark text primary key, deed text);
    grant insert on public.ledger to life_app;
    insert into agenda.users (id) select format('aaaaaaaa-0000-4000-8000-%s', lpad(i::text, 12, '0'))::uuid from generate_series(0, 2) i});

# The answer, or nothing from a server that is not there.
sub ask
{
    my ($code, $out) = eval { $node->psql('agenda', $_[0]) };
    return defined $code && $code == 0 ? $out : undef;
}

# One who does thing after thing, each in a transaction of its own, until the connection is lost.  What was acknowledged
# is a line of the log.
my ($lives, %logs) = (0);

sub start_life
{
    my ($n) = @_;
    my $name = 'life' . ++$lives;
    my $script = "$tmp/117_$name.sql";
    my $user = sprintf 'aaaaaaaa-0000-4000-8000-%012d', $n / 2;
    my $alone = $n == $sessions - 1 ? 'true' : 'false';
    append_to_file($script, "\\set ON_ERROR_STOP on\n\\pset tuples_only on\n\\pset format unaligned\nset client_min_messages = error;\n\\i $life\nselect setseed(" . rand() . ");\n"
          . join '', map { "begin;\nselect agenda.act_as('$user');\ninsert into public.ledger select '$name $_', pg_temp.step(pg_temp.deed($alone));\ncommit;\n\\echo done $name $_\n" } 1 .. 2000);
    $logs{$name} = { pid => spawn($name, [ 'psql', '-qX', '-U', 'life_app', '-d', 'agenda', '-f', $script ], PGHOST => $node->host, PGPORT => $node->port), session => $n };
}

sub log_of { return slurp(AgendaTest::log_file($_[0])) }

sub pid_of
{
    my ($condition) = @_;
    return wait_until(sub { ask("select pid from pg_stat_activity where $condition order by random() limit 1") }, 'a process');
}

sub steps { return ask('select count(*) from public.ledger') // 0 }

my %faults = (
    'server killed' => sub { $node->kill9; wait_until(sub { delete $node->{_pid}; $node->start(fail_ok => 1) }, 'the server to start') },
    'server stopped immediately' => sub { $node->stop('immediate'); $node->start },
    'backend killed' => sub { kill 'KILL', pid_of(q{usename = 'life_app'}) },
    'scanner killed' => sub { kill 'KILL', pid_of(q{backend_type like 'pg_agenda %scanner%' and datname = 'agenda'}) });

# Nobody does anything any more, and everything that was owed has been raised.
sub settle
{
    stop_process($logs{$_}{pid}) foreach grep { !$logs{$_}{ended}++ } keys %logs;
    $node->poll_query_until('agenda', q{select count(*) = 0 from pg_stat_activity where usename = 'life_app'});
    $node->poll_query_until('agenda', q{select count(*) = 0 from agenda.timers where fire_at <= agenda.now()});
}

sub set_clock
{
    my $to = $node->safe_psql('agenda', q{select agenda.now() + random() ^ 3 * interval '4 days'});
    $node->safe_psql('agenda', "alter system set agenda.now = '$to'");
    $node->reload;
    wait_until(sub { ($node->safe_psql('agenda', 'select agenda.now()') // '') eq $to }, 'the clock');
}

# What the books say; the empty string when nothing is wrong.
my %acknowledged;

sub wrong
{
    foreach my $name (grep { !$logs{$_}{read}++ } keys %logs)
    {
        my $log = log_of($name);
        $acknowledged{$_} = 1 foreach $log =~ /^done (.*)$/mg;
        # it ends by its end or by a lost connection; anything else is a finding
        my @errors = grep { !/terminating connection|server closed|connection to server|crash|before or while|was lost|administrator command|another server process|in a moment/ } $log =~ /((?:ERROR|FATAL):.*)/g;
        return "$name: $errors[0]" if @errors;
    }
    my %there = map { $_ => 1 } split /\n/, $node->safe_psql('agenda', 'select mark from public.ledger');
    my @lost = grep { !$there{$_} } keys %acknowledged;
    return 'lost: ' . join ', ', @lost if @lost;
    return $node->safe_psql('agenda', "\\i $life\nset test.quiet = on;\nset client_min_messages = error;\nselect w from pg_temp.wrong() w limit 5");
}

my (%done, $checks, $found);
my @order = sort keys %faults;
while (time < $end || keys %done < @order)
{
    start_life($_) foreach 0 .. $sessions - 1;
    foreach my $jump (1 .. 3)
    {
        my $before = steps();
        wait_until(sub { steps() >= $before + 60 || grep { log_of($_) =~ /ERROR:/ } keys %logs }, 'steps', 120);
        set_clock();
    }
    my ($next) = grep { !$done{$_} } @order;
    my $fault = $next // $order[ rand @order ];
    $faults{$fault}->();
    $done{$fault}++;
    wait_until(sub { defined ask('select 1') }, 'the server to answer');
    settle();
    $checks++;
    $found = wrong();
    last if $found ne '';
}
is($found, '', 'what was acknowledged is there, fsck() and the model find nothing');
note(sprintf '%d lives, %d steps, %d checks; %s', $lives, steps(), $checks, join ', ', map { "$_ $done{$_}" } sort keys %done);
is(join(', ', sort keys %done), join(', ', @order), 'after each kind of crash');
cmp_ok($node->safe_psql('agenda', q{select count(*) from public.ledger where deed !~ 'refused'}), '>', 300, 'and much has been done');
cmp_ok($node->safe_psql('agenda', 'select count(*) from agenda.notifications'), '>', 20, 'and told');
is($node->safe_psql('agenda', 'select count(*) - count(distinct (user_id, dedupe_key)) from agenda.notifications'), '0', 'nothing twice');
unlike(slurp($node->logfile), qr/PANIC|cannot be raised/, 'and nothing failed to be raised');

$node->stop;
done_testing();
