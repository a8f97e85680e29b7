# The deliverer with a receiver of webhooks and a mail server of its own: what arrives, how it is
# signed, what is tried again, what is given up, where nothing is sent to, and crashes.
use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_base64);
use Encode qw(decode);
use FindBin;
use JSON::PP;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use MIME::Base64 qw(decode_base64);
use PostgreSQL::Test::Utils;
use Test::More;

my $sink = "$PostgreSQL::Test::Utils::tmp_check/sink";
mkdir $sink;
spawn('sink', [ 'python3', "$FindBin::Bin/../lib/delivery_sink.py", $sink ]);
wait_until(sub { -e "$sink/ports" }, 'the sink');
my ($http, $smtp) = split ' ', slurp("$sink/ports");
append_to_file("$sink/config", "# mail\nsmtp_url = smtp://127.0.0.1:$smtp\nsmtp_tls = none\nmail_from = agenda\@example.org\nnonsense\nsmtp_uri = hidden-value\n");
chmod 0600, "$sink/config";

my $node = agenda_node(
    'deliverer',
    'log_statement' => 'none',
    'restart_after_crash' => 'on',
    'agenda.delivery' => 'on',
    'agenda.delivery_allow_private' => 'on',
    'agenda.delivery_config_file' => "$sink/config",
    'agenda.delivery_attempts' => 4,
    'agenda.delivery_backoff' => '20ms');

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_alice { return sql(act_sql('alice', $_[0])) }
# due soon at once
sub new_task { as_alice("insert into agenda.tasks (title, due_date) values ($_[0], now() + interval '1 hour')") }
sub state { return sql("select agenda.health() #>> '{deliverer,$_[0]}'") }
sub received
{
    my ($pattern) = @_;
    my @lines = -e "$sink/received" ? split(/\n/, slurp("$sink/received")) : ();
    my @found = grep { ($_->{path} // $_->{recipients}[0]) =~ $pattern } map { decode_json($_) } @lines;
    return @found;
}
sub channel { return decode_json(as_alice("select agenda.add_channel('webhook', 'http://127.0.0.1:$http$_[0]')")) }
# a test message to a channel, and what becomes of it
sub outcome
{
    my ($channel) = @_;
    my $delivery = as_alice("select agenda.test_channel('$channel->{id}')");
    return sql("select concat_ws(' ', status, attempts, response, last_error) from agenda.deliveries where id = '"
          . settled($delivery) . "'");
}
sub settled
{
    my ($delivery, $seconds) = @_;
    wait_until(sub { sql("select status <> 'queued' from agenda.deliveries where id = '$delivery'") eq 't' }, "delivery $delivery", $seconds);
    return $delivery;
}
sub forget { as_alice("select agenda.delete_channel(id) from agenda.list_channels()"); unlink "$sink/received" }

wait_until(sub { state('state') eq 'idle' }, 'the deliverer');
is(sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_agenda deliverer'}), 1, 'agenda.delivery = on brings a deliverer');
like(slurp($node->logfile), qr/ignoring line 5 of delivery configuration file/, 'a line that cannot be used is told');
like(slurp($node->logfile), qr/ignoring property "smtp_uri" in line 6 of delivery configuration file/, 'and a name that is not known');
unlike(slurp($node->logfile), qr/hidden-value/, 'without its value');

# --- a notification ------------------------------------------------------------------------------
my $ok = channel('/ok/first');
new_task(q{'Wässern'});
my ($request) = wait_until(sub { my @r = received(qr{^/ok/first}); return @r ? \@r : undef }, 'a webhook')->@*;
my $event = decode_json(Encode::encode('UTF-8', $request->{body}));
is_deeply([ @$event{qw(specversion type datacontenttype)} ], [ '1.0', 'agenda.notification', 'application/json' ], 'a notification arrives as a CloudEvent');
is($event->{data}{title}, 'Wässern' =~ s/ä/\x{e4}/r, 'with the title of its task') or diag explain $event;
is($event->{data}{type}, 'due_soon', 'and its kind');
is($request->{headers}{'content-type'}, 'application/cloudevents+json; charset=utf-8', 'as structured JSON');

# --- signature -----------------------------------------------------------------------------------
my ($id, $time, $signature) = @{ $request->{headers} }{qw(webhook-id webhook-timestamp webhook-signature)};
my $key = decode_base64($ok->{secret} =~ s/^whsec_//r);
my $expected = hmac_sha256_base64("$id.$time." . Encode::encode('UTF-8', $request->{body}), $key);
$expected .= '=' while length($expected) % 4;
is($signature, "v1,$expected", 'the signature is the one of Standard Webhooks');
is($id, $event->{id}, 'the id is that of the event');
cmp_ok(abs(time - $time), '<', 60, 'the time is now');
settled($id);
is(sql("select status || ' ' || attempts || ' ' || response from agenda.deliveries where id = '$id'"), 'sent 1 204', 'the delivery is recorded');
my $rotated = as_alice("select agenda.rotate_channel_secret('$ok->{id}')");
isnt($rotated, $ok->{secret}, 'the secret can be changed');

# --- failures ------------------------------------------------------------------------------------
is(outcome(channel('/fail/2')), 'sent 3 204', 'what is answered 500 is sent again');
my @tries = received(qr{^/fail/2});
is(scalar @tries, 3, 'as often as needed');
is(scalar(keys %{ { map { $_->{headers}{'webhook-id'} => 1 } @tries } }), 1, 'with one id');
is(outcome(channel('/status/400')), 'failed 4 400 the answer was no success', 'and given up after agenda.delivery_attempts');
my $failed = sql(q{select id from agenda.deliveries where status = 'failed'});
as_alice("select agenda.retry_delivery('$failed')");
wait_until(sub { received(qr{^/status/400}) == 8 }, 'a retry');
ok(settled($failed), 'it can be queued anew');
is(outcome(channel('/redirect')), 'failed 4 302 redirects are not followed', 'redirects are not followed');
is(outcome(channel('/endless')), 'sent 1 200', 'an answer without end is cut off');
is(outcome(my $gone = channel('/gone')), 'failed 1 410 the address is gone', '410 is final');
is(sql("select enabled, disabled_reason from agenda.channels where id = '$gone->{id}'"), 'f|gone', 'and disables the channel');
my $busy = as_alice("select agenda.test_channel('" . channel('/busy')->{id} . "')");
wait_until(sub { sql("select response from agenda.deliveries where id = '$busy'") eq '503' }, 'a busy receiver');
is(sql("select status, next_attempt_at > clock_timestamp() + interval '50 minutes' from agenda.deliveries where id = '$busy'"), 'queued|t', 'Retry-After is obeyed');
forget();
my $closed = free_port();
my $nobody = decode_json(as_alice("select agenda.add_channel('webhook', 'http://127.0.0.1:$closed/')"));
like(outcome($nobody), qr/^failed 4 Couldn't connect/, 'nobody listens');
forget();

# --- a slow address ------------------------------------------------------------------------------
my $slow = as_alice("select agenda.test_channel('" . channel('/hold/slow')->{id} . "')");
wait_until(sub { received(qr{^/hold/slow}) == 1 }, 'an address that does not answer');
my $queue = channel('/ok/queue');
as_alice(q{insert into agenda.tasks (title, due_date) select 'task ' || i, now() + interval '1 hour' from generate_series(1, 30) i});
wait_until(sub { sql("select count(*) from agenda.deliveries where channel_id = '$queue->{id}' and status = 'sent'") eq '30' }, '30 messages');
is(sql("select status, claimed from agenda.deliveries where id = '$slow'"), 'queued|t', 'a slow address holds up no other');
my @ids = map { $_->{headers}{'webhook-id'} } received(qr{^/ok/queue});
is(scalar @ids, 30, 'each message arrives once');
is_deeply(\@ids, [ sort @ids ], 'in the order of the queue');
$node->append_conf('postgresql.conf', "agenda.delivery_timeout = 200ms");
$node->reload;
settled($slow);
$node->append_conf('postgresql.conf', "agenda.delivery_timeout = 15s");
is(outcome(channel('/hold/time')), 'sent 2 204', 'an attempt ends with agenda.delivery_timeout');
$node->reload;
forget();

# --- what a withdrawn notification becomes -------------------------------------------------------
channel('/busy/1');
new_task(q{'Taken back'});
wait_until(sub { received(qr{^/busy/1}) == 1 }, 'the first attempt');
wait_until(sub { sql(q{select count(*) from agenda.deliveries where claimed}) eq '0' }, 'its record');
as_alice(q{select agenda.complete_task(id) from agenda.tasks where title = 'Taken back'});
sql(q{update agenda.deliveries set next_attempt_at = clock_timestamp() where status = 'queued'; select agenda._wake_deliverer()});
wait_until(sub { sql(q{select string_agg(status, ',') from agenda.deliveries}) eq 'cancelled' }, 'the cancellation');
is(scalar received(qr{^/busy/1}), 1, 'what is withdrawn meanwhile is not sent again');
forget();

# --- mail ----------------------------------------------------------------------------------------
sub mail_to { my ($to) = @_; return wait_until(sub { my @m = received(qr/<$to/); return @m ? $m[-1] : undef }, "mail to $to") }
my $mail = decode_json(as_alice(q{select agenda.add_channel('email', 'alice@example.org')}));
my ($code) = decode_base64(mail_to('alice')->{mail} =~ s/.*?\r\n\r\n//sr) =~ /is ([0-9a-f]{20})\./;
ok($code, 'a new address gets a code');
new_task(q{'Before'});
as_alice("select agenda.confirm_channel('$mail->{id}', '$code')");
unlink "$sink/received";
my $subject = 'Grüße an ' . 'ß' x 60 . "x\\u000aBcc: eve\@example.org";
new_task("E'$subject'");
my $got = mail_to('alice');
is($got->{sender}, 'MAIL FROM:<agenda@example.org>', 'mail comes from mail_from');
my ($head, $body) = split /\r\n\r\n/, $got->{mail}, 2;
$head =~ s/\r\n / /g;
my $decoded = join '', map { decode_base64($_) } $head =~ /=\?UTF-8\?B\?([^?]*)\?=/g;
is(decode('UTF-8', $decoded), decode('UTF-8', $subject =~ s/\\u000a/\n/r), 'the subject arrives as it was written');
unlike($head, qr/^Bcc/mi, 'and adds no header');
ok(!grep({ length > 76 } split /\r\n/, $got->{mail}), 'no line is longer than 76 characters');
like(decode_base64($body), qr/Due on/, 'the body says why');
is(sql(q{select count(*) from agenda.deliveries where what = 'notification'}), 1, 'nothing but the code went there before');
foreach (['refused', 'failed 1 550 the mail server refused the mail'], ['later', 'failed 4 450'])
{
    my ($who, $what) = @$_;
    my $channel = decode_json(as_alice("select agenda.add_channel('email', '$who\@example.org')"));
    my $delivery = settled(sql("select id from agenda.deliveries where channel_id = '$channel->{id}'"));
    like(sql("select concat_ws(' ', status, attempts, response, last_error) from agenda.deliveries where id = '$delivery'"), qr/^\Q$what/, "a recipient that is $who");
}
# somebody else's: a user has 20 trials an hour
sub confirmation
{
    my $channel = decode_json(sql(act_sql('bob', "select agenda.add_channel('email', '$_[0]\@example.org')")));
    return sql("select id from agenda.deliveries where channel_id = '$channel->{id}'");
}
my $patient = settled(confirmation('patient'));
is(sql("select concat_ws(' ', status, attempts, response) from agenda.deliveries where id = '$patient'"), 'sent 1 250', 'a server that takes its time to take a mail gets it once');
# agenda.delivery_timeout is 15 s
ok(settled(confirmation('refused-mute'), 10), 'one that refuses and has no answer to QUIT is not waited for as long');
forget();

# --- crashes -------------------------------------------------------------------------------------
my $held = as_alice("select agenda.test_channel('" . channel('/hold/1')->{id} . "')");
wait_until(sub { received(qr{^/hold/1}) == 1 }, 'a request that is held');
is(sql(q{select count(*) from agenda.deliveries where claimed}), 1, 'a delivery is claimed while it is sent');
is(sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_agenda deliverer' and xact_start is not null}), 0, 'outside of any transaction');
sql(q{select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'pg_agenda deliverer'});
settled($held);
is(join(' ', map { $_->{headers}{'webhook-id'} } received(qr{^/hold/1})), "$held $held", 'terminated in the middle, it is sent again with its id');

$held = as_alice("select agenda.test_channel('" . channel('/hold/2')->{id} . "')");
wait_until(sub { received(qr{^/hold/2}) == 1 }, 'a request that is held');
my $pid = state('pid');
kill 'KILL', $pid;
wait_until(sub { $node->psql('agenda', 'select 1', stdout => \my $out, stderr => \my $err) == 0 && state('running') eq 'true' }, 'recovery');
settled($held);
is(scalar received(qr{^/hold/2}), 2, 'killed in the middle, likewise');
forget();

# --- what is not public --------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "agenda.delivery_allow_private = off");
$node->reload;
wait_until(sub { sql(q{show agenda.delivery_allow_private}) eq 'off' }, 'the reload');
foreach my $host ('127.0.0.1', 'localhost', '0.0.0.0', '2130706433', '[::1]', '[::ffff:127.0.0.1]')
{
    my $private = decode_json(as_alice("select agenda.add_channel('webhook', 'http://$host:$http/ok/private')"));
    is(outcome($private), 'failed 1 the address is not public', "nothing is sent to $host");
}
is(scalar received(qr{^/ok/private}), 0, 'nor arrives');

# --- secrets -------------------------------------------------------------------------------------
my $log = slurp($node->logfile);
unlike($log, qr/whsec_|\Q$ok->{secret}\E|\Q$code\E/, 'no secret stands in the log');
unlike($log, qr{127\.0\.0\.1:$http}, 'nor an address');

# --- a configuration that cannot be used ----------------------------------------------------------
# the sender before it does not wait for a mail server that has no answer to QUIT
settled(confirmation('taken-mute'));
$node->append_conf('postgresql.conf', "agenda.delivery_config_file = '$sink/missing'");
$node->reload;
wait_until(sub { state('state') eq 'no sender' }, 'the state', 10);
like(sql(q{select agenda.health() #>> '{problems}'}), qr/the deliverer does not send: could not read delivery configuration file/, 'health() says why nothing is sent');
$node->append_conf('postgresql.conf', "agenda.delivery_config_file = '$sink/config'");
$node->reload;
ok(wait_until(sub { state('state') eq 'idle' }, 'the deliverer'), 'it goes on after a reload');

# --- off -----------------------------------------------------------------------------------------
$node->append_conf('postgresql.conf', "agenda.delivery = off");
$node->reload;
ok(wait_until(sub { sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_agenda deliverer'}) eq '0' }, 'the end'), 'agenda.delivery = off ends the deliverer');
new_task(q{'Unheard'});
wait_until(sub { sql(q{select count(*) from agenda.notifications where title = 'Unheard'}) eq '1' }, 'a notification');
is(sql(q{select count(*) from agenda.deliveries where what = 'notification'}), 0, 'and nothing is queued');

$node->stop;
done_testing();
