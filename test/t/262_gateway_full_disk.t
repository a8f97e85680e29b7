# The database's disk is full during mixed load: first that of the tables, then that of the WAL. Whoever is refused is told so,
# reads go on where there is a server, nothing that was acknowledged is lost, and the gateway goes on by itself.
#
# The disks are file systems in memory, mounted in a name space of the test's own, so that nobody need be root.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";

# Before anything else: all that the test starts has to see its mounts.
BEGIN
{
    my @own = qw(unshare --user --map-current-user --keep-caps --mount);
    if (!$ENV{AGENDA_OWN_MOUNTS})
    {
        if (system("@own mount -t tmpfs tmpfs /mnt 2>/dev/null") == 0)
        {
            $ENV{AGENDA_OWN_MOUNTS} = 1;
            exec @own, $^X, $0 or die "unshare: $!";
        }
        require Test::More;
        Test::More::plan(skip_all => 'nothing can be mounted here: no user name spaces');
    }
}

use AgendaGateway;
use AgendaLedger;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

# A file system of so many megabytes, with a file on it that takes up what is left while the disk is full.
sub small_disk
{
    my ($megabytes) = @_;
    my $dir = PostgreSQL::Test::Utils::tempdir_short();
    system('mount', '-t', 'tmpfs', '-o', "size=${megabytes}m,mode=700", 'tmpfs', $dir) == 0 or die "could not mount $dir";
    return $dir;
}

sub fill_disk
{
    my ($dir) = @_;
    open my $out, '>', "$dir/ballast" or die "$dir: $!";
    1 while syswrite $out, "\0" x 4096;
    close $out;
    return;
}

sub free_disk { unlink "$_[0]/ballast" or die "$_[0]: $!"; return }

my $node = agenda_node('full', start => 0, max_wal_size => '64MB', min_wal_size => '32MB', restart_after_crash => 'on');
my $tables = small_disk(64);
my $wal = small_disk(160);
my $link = $node->data_dir . '/pg_wal';
system("mv '$link'/* '$wal' && rmdir '$link' && ln -s '$wal' '$link'") == 0 or die 'could not move the WAL';
$node->start;
$node->safe_psql('postgres', "create tablespace small location '$tables'");
$node->safe_psql('postgres', 'create database agenda tablespace small');
$node->safe_psql('agenda', 'create extension pg_agenda');

my $gateway = AgendaGateway->start($node, ACCESS_LOG => 'off');
my $ledger = AgendaLedger->new(sub { $node });
my $alice = $gateway->user('alice');
my $title = 'x' x 2000;

# Asks until the disk lets nothing more through, and looks at the answer.
sub refused_write
{
    my ($what) = @_;
    my $answer = wait_until(sub { my $a = $alice->post('/tasks', { title => 'x', description => $title }); $a->{status} != 201 && $a }, $what);
    is($answer->{status}, 503, "$what: 503");
    is($answer->{headers}{'content-type'}, 'application/problem+json', 'a problem document');
    ok($answer->{headers}{'retry-after'} > 0, 'with Retry-After');
    unlike($answer->{content}, qr/base\/|pg_wal|No space/, 'that does not name files of the server');
    return $answer;
}

$ledger->survives('the disk of the tables is full', [ $gateway->{port} ], sub {
    fill_disk($tables);
    is(refused_write('no space for tables')->{json}{code}, '53100', 'named by the state of the database');
    $ledger->wait_for_refusals;
    is($alice->get('/tasks?page_size=1')->{status}, 200, 'reads go on');
    is($gateway->user->get('/readyz')->{status}, 200, 'and the gateway stays in service');
    free_disk($tables);
});

# Without room for WAL the server stops, and recovery cannot end either: whoever watches it starts it when there is room.
$ledger->survives('the disk of the WAL is full', [ $gateway->{port} ], sub {
    my $pid_file = $node->data_dir . '/postmaster.pid';
    fill_disk($wal);
    # the next segment is wanted now
    $node->psql('postgres', 'select pg_switch_wal()');
    refused_write('no space for WAL');
    wait_until(sub { !-e $pid_file }, 'the server to give up');
    ok(wait_until(sub { $gateway->user->get('/readyz')->{status} == 503 }, 'the gateway to notice'), 'the gateway says that it cannot serve');
    free_disk($wal);
    $node->restart;
    $gateway->wait_ready;
});
is($gateway->stop, 0, 'exit status 0');
fsck_clean($node);
done_testing();
