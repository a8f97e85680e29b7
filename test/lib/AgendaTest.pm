# AgendaTest - what the TAP tests of this tree share: nodes that have pg_agenda, processes that
# end with the test, free ports, waiting for a condition, and tokens for the gateway.
#
#   use AgendaTest;
#   my $node = agenda_node('main', 'agenda.kafka_brokers' => $brokers);   # runs, has database agenda
#   my $pid  = spawn('gateway', [ $ENV{AGENDA_GATEWAY}, ... ], KEY => 'value');
#   wait_until(sub { ... }, 'the gateway is ready');
#
# Every process started by spawn() gets SIGTERM, then SIGKILL, by its own pid when the test ends,
# however it ends; its output stands in the log folder of the test and is shown on failure.
# Waiting never sleeps for a fixed time: wait_until() asks again every 10 ms up to a deadline.
package AgendaTest;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use Exporter 'import';
use File::Basename qw(basename);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(agenda_node spawn stop_process free_port wait_until token slurp act_sql fsck_clean);

my $name = basename($0, '.t');
my %running;    # pid => what it is

# A started node that preloads pg_agenda and has the extension in database "agenda".  Settings are
# written to postgresql.conf; of the options, "start => 0" only initialises it.
sub agenda_node
{
    my ($node_name, %settings) = @_;
    my $start = delete $settings{start} // 1;
    my $node = PostgreSQL::Test::Cluster->new($node_name);

    $node->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    $node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_agenda'");
    $node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") foreach sort keys %settings;
    return $node unless $start;
    $node->start;
    $node->safe_psql('postgres', 'create database agenda');
    $node->safe_psql('agenda', 'create extension pg_agenda');
    return $node;
}

# What every test that breaks things ends with: the tables and the log are whole.
sub fsck_clean
{
    my ($node, $what, $database) = @_;
    is($node->safe_psql($database // 'agenda', 'select * from agenda.fsck()'), '', $what // 'fsck() finds nothing');
    return;
}

# SQL that does something as the user of this external id, in one transaction.
sub act_sql
{
    my ($external_id, $sql) = @_;
    return
      "begin; select agenda.act_as(agenda.user_id_of('$external_id')) \\g /dev/null\n$sql; commit;";
}

# Starts a program in the background with its output in a log file; returns its pid.
sub spawn
{
    my ($what, $command, %environment) = @_;
    my $log = log_file($what);

    my $pid = fork() // die "fork: $!";
    if ($pid == 0)
    {
        %running = ();
        open STDIN, '<', '/dev/null' or POSIX::_exit(127);
        open STDOUT, '>>', $log or POSIX::_exit(127);
        open STDERR, '>&', \*STDOUT or POSIX::_exit(127);
        $ENV{$_} = $environment{$_} foreach keys %environment;
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    $running{$pid} = $what;
    return $pid;
}

sub log_file
{
    my ($what) = @_;
    return "$PostgreSQL::Test::Utils::log_path/${name}_$what.log";
}

# Ends a process of spawn() with a signal and returns its wait status; SIGKILL after 10 s.
sub stop_process
{
    my ($pid, $signal) = @_;
    my $status;

    return unless delete $running{$pid};
    kill $signal // 'TERM', $pid;
    my $ended = eval {
        wait_until(
            sub {
                return 0 unless waitpid($pid, POSIX::WNOHANG()) == $pid;
                $status = $?;
                return 1;
            },
            "process $pid to end",
            10);
    };
    return $status if $ended;
    diag("process $pid did not end, killing it");
    kill 'KILL', $pid;
    waitpid($pid, 0);
    return $?;
}

# A TCP port of 127.0.0.1 that was free a moment ago.
sub free_port
{
    my $socket =
      IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp')
      or die "no free port: $!";
    return $socket->sockport;
}

# Asks until the answer is true and returns it; dies after the deadline (seconds).
sub wait_until
{
    my ($condition, $what, $seconds) = @_;
    my $deadline = time + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

    while (1)
    {
        my $answer = $condition->();
        return $answer if $answer;
        die "timed out waiting for $what\n" if time > $deadline;
        usleep(10_000);
    }
}

# An HS256 token for the gateway.
sub token
{
    my ($subject, $key, %claims) = @_;
    my $payload = join ',', '"sub":' . json_string($subject),
      map { "\"$_\":$claims{$_}" } sort keys %claims;
    my $exp = exists $claims{exp} ? '' : ',"exp":' . (int(time) + 3600);
    my $signed =
      encode_base64url('{"alg":"HS256","typ":"JWT"}') . '.' . encode_base64url("{$payload$exp}");
    return $signed . '.' . encode_base64url(hmac_sha256($signed, $key));
}

sub json_string
{
    my ($text) = @_;
    $text =~ s/([\\"])/\\$1/g;
    return "\"$text\"";
}

# The text of a file.
sub slurp { return slurp_file($_[0]) }

END
{
    my $status = $?;
    stop_process($_) foreach keys %running;
    $? = $status;
}

# Without these a signal would end the test without its END blocks, and leave servers behind.
$SIG{$_} = sub { exit 130 }
  foreach qw(INT TERM HUP);

1;
