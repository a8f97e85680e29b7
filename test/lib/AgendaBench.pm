# AgendaBench - what the measurements share: tables on the real STDOUT, results as JSON, the load of
# the machine, processor time, runs of a program, wrk, and a gateway with a reader who has tasks.
#
#   use AgendaBench;     # before the other modules of the tests, which send STDOUT to their log
#   row('what', '17 /s');
#   my $figure = wrk($url, $token);    # rps, p50_ms, p99_ms, load, requests
#   my $figure = with_cpu($node, $pid, 'bench_gw', sub { wrk($url, $token) });    # and server_us, database_us
#   rate_row('what', $figure);
package AgendaBench;

use strict;
use warnings;

our ($stdout, $stderr);
BEGIN
{
    open $stdout, '>&', \*STDOUT or die "stdout: $!";
    open $stderr, '>&', \*STDERR or die "stderr: $!";
}
# whoever measures sees why it ended, too
$SIG{__DIE__} = sub { print {$stderr} @_ unless $^S };

use AgendaTest;
use Exporter 'import';
use Fcntl qw(O_CREAT O_DSYNC O_WRONLY);
use IO::Handle;
use IPC::Run ();
use JSON::PP ();
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(bench_seconds say_line row rate_row load machine percentiles_of disk_latencies with_cpu processes run_out pgbench_latencies wrk wrk_post write_results make_wal_segments reader_with_tasks start_gateway);

# How long one measurement takes.
sub bench_seconds { return $ENV{AGENDA_BENCH_SECONDS} // 5 }

sub say_line { print {$stdout} "$_[0]\n"; $stdout->flush }

sub row
{
    my ($what, @figures) = @_;
    say_line(sprintf "  %-46s load %4.2f  %s", $what, load(), join '  ', @figures);
}

# A row of requests: how many a second, how long they took, and what processor time each cost.
sub rate_row
{
    my ($what, $figure, @more) = @_;
    row($what, sprintf('%7.0f /s  p50 %6.2f ms  p99 %6.2f ms', @$figure{qw(rps p50_ms p99_ms)}), cpu_text($figure), @more);
}

sub cpu_text
{
    my ($figure) = @_;
    return sprintf 'CPU %5.0f + %5.0f us', @$figure{qw(server_us database_us)};
}

sub load { return (split ' ', slurp('/proc/loadavg'))[0] }

sub machine
{
    my ($model) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)$/m;
    my $cpus = () = slurp('/proc/cpuinfo') =~ /^processor/mg;
    my ($sync) =
      run_out('pg_test_fsync', '-s', '1', '-f', "$ENV{TESTDIR}/fsync") =~ /^\s+fdatasync\s.*?([\d.]+) usecs/m;
    return { model => $model // 'unknown', cpus => $cpus, load => load(), fdatasync_us => $sync };
}

# ---- processor time ------------------------------------------------------------------------

# pid => [ its parent, seconds of processor time ] of all processes.
sub processes
{
    my %all;
    my $tick = POSIX::sysconf(POSIX::_SC_CLK_TCK());
    foreach my $file (glob '/proc/[0-9]*/stat')
    {
        my ($pid) = $file =~ /(\d+)/;
        # it may have ended since
        my $text = eval { slurp($file) } // next;
        my @stat = split ' ', $text =~ s/^.*\) //sr;
        $all{$pid} = [ $stat[1], ($stat[11] + $stat[12]) / $tick ];
    }
    return \%all;
}

# Seconds that a server with all that it has started, and the backends of its role, have used so far.
sub used_so_far
{
    my ($node, $root, $role) = @_;
    my @backends = split /\n/, $node->safe_psql('agenda', "select pid from pg_stat_activity where usename = '$role'");
    my $all = processes();
    my %server = ($root => 1);
    my ($server, $database) = (0, 0);

    while (my @more = grep { !$server{$_} && $server{ $all->{$_}[0] } } keys %$all)
    {
        @server{@more} = (1) x @more;
    }
    $server += $all->{$_}[1] foreach keys %server;
    $database += $all->{$_}[1] foreach grep { $all->{$_} } @backends;
    return ($server, $database);
}

# Adds to the figures of some work, which say how many requests it was, the processor time of each in
# microseconds: of the server (any number of processes) and of its backends.
sub with_cpu
{
    my ($node, $root, $role, $work) = @_;
    my @before = used_so_far($node, $root, $role);
    my $figure = $work->();
    my @after = used_so_far($node, $root, $role);
    @$figure{qw(server_us database_us)} = map { 1e6 * ($after[$_] - $before[$_]) / $figure->{requests} } 0, 1;
    return $figure;
}

# ---- runs of programs ----------------------------------------------------------------------

# Of a list of microseconds, in milliseconds.
sub percentiles_of
{
    my @sorted = sort { $a <=> $b } @_;
    return { map { ("p${_}_ms" => $sorted[ $#sorted * $_ / 100 ] / 1000) } 50, 99, 100 };
}

# pgbench for so many seconds, so many transactions a second, each one of the texts at random, in sessions that
# stay open: so many that none waits for another's.  The work begins when they have all had their first ones.
# Of each transaction since then [ when it ended, the microseconds since it was due ].
sub pgbench_latencies
{
    my ($node, $role, $texts, $rate, $seconds, $work) = @_;
    my $log = "$ENV{TESTDIR}/transactions.log";
    my @scripts = map { "$ENV{TESTDIR}/transaction$_.sql" } 0 .. $#$texts;
    my $first = 2;
    my ($out, $err) = ('', '');

    unlink @scripts, glob "$log.*";
    append_to_file($scripts[$_], $texts->[$_]) foreach 0 .. $#scripts;
    my $run = IPC::Run::start(
        [ 'pgbench', '-n', '-M', 'prepared', '-c', 16, '-T', $first + $seconds, '-R', $rate, '-l', '--log-prefix', $log,
            (map { ('-f', $_) } @scripts), '-h', $node->host, '-p', $node->port, '-U', $role, 'agenda' ], '<', \'', '>', \$out, '2>', \$err);
    my $begin = time + $first;
    wait_until(sub { time >= $begin }, 'pgbench to begin');
    $work->();
    $run->finish or die "pgbench failed:\n$out$err";
    return grep { $_->[0] >= $begin } map { [ $_->[4] + $_->[5] / 1e6, $_->[2] ] } map { [ split ' ' ] } map { split /\n/, slurp($_) } glob "$log.*";
}

# What the disk alone takes meanwhile, without a server: so many writes of a page a second, each of which waits until it
# is on disk, in a file that has its place already.  Each as those of pgbench_latencies().
sub disk_latencies
{
    my ($rate, $work) = @_;
    my $log = "$ENV{TESTDIR}/disk.log";
    my $pid = fork // die "fork: $!";
    if ($pid == 0)
    {
        write_pages($rate, $log);
        POSIX::_exit(0);
    }
    $work->();
    kill TERM => $pid;
    waitpid $pid, 0;
    die "writing to the disk failed\n" if $? != 0;
    return map { [ split ' ' ] } split /\n/, slurp($log);
}

# Until a signal comes.
sub write_pages
{
    my ($rate, $log) = @_;
    my $file = "$ENV{TESTDIR}/disk.pages";
    my ($page, $pages) = ("\1" x 8192, 1000);
    my $stop;
    local $SIG{TERM} = sub { $stop = 1 };
    sysopen my $out, $file, O_WRONLY | O_CREAT or die "$file: $!";
    syswrite $out, $page or die "$file: $!" foreach 1 .. $pages;
    $out->sync or die "$file: $!";
    close $out;
    sysopen $out, $file, O_WRONLY | O_DSYNC or die "$file: $!";
    open my $told, '>', $log or die "$log: $!";
    my $begin = time;
    for (my $i = 0; !$stop; $i++)
    {
        my $due = $begin + $i / $rate;
        my $early = $due - time;
        usleep(1e6 * $early) if $early > 0;
        sysseek $out, 0, 0 or die "$file: $!" if $i % $pages == 0;
        syswrite $out, $page or die "$file: $!";
        printf $told "%.6f %.0f\n", time, 1e6 * (time - $due);
    }
    close $told;
    unlink $file;
}

sub run_out
{
    my @command = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run(\@command, '<', \'', '>', \$out, '2>', \$err) or die "$command[0] failed:\n$out$err";
    return $out;
}

sub wrk
{
    my ($url, $token, @more) = @_;
    my $load = load();
    my $text = run_out('wrk', '-t', 1, '-c', 64, '-d', "" . bench_seconds() . "s", '--latency', '-H', "Authorization: Bearer $token", @more, $url);
    die "wrk $url:\n$text" if $text =~ /Non-2xx/;
    my ($requests) = $text =~ /(\d+) requests in/;
    my ($rps) = $text =~ m{^Requests/sec:\s*([\d.]+)}m;
    my %ms = map { $_ => in_ms($text =~ /^\s+$_%\s+([\d.]+\w+)/m) } (50, 99);
    return { requests => $requests + 0, rps => $rps + 0, p50_ms => $ms{50}, p99_ms => $ms{99}, load => $load + 0 };
}

# What wrk needs to post this body; it holds no "]]".
sub wrk_post
{
    my ($body) = @_;
    my $file = "$ENV{TESTDIR}/post.lua";
    open my $out, '>', $file or die "$file: $!";
    print $out <<"LUA";
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[$body]]
LUA
    close $out;
    return ('-s', $file);
}

sub in_ms
{
    my ($text) = @_;
    my ($number, $unit) = ($text // '') =~ /^([\d.]+)(us|ms|s)$/ or return 0;
    return $number * { us => 0.001, ms => 1, s => 1000 }->{$unit};
}

# To a file of its own in $TESTDIR, whose name may begin with the part.
sub write_results
{
    my ($result, $part) = @_;
    my $file = "$ENV{TESTDIR}/" . (defined $part ? "$part-" : '') . strftime('%Y%m%dT%H%M%SZ', gmtime) . '.json';
    open my $out, '>', $file or die "$file: $!";
    print $out JSON::PP->new->canonical->pretty->encode($result);
    close $out;
}

# A server that has been running has its segments already and writes them again; in a new one every 16 MB
# stop all commits until a file is made and synced.
sub make_wal_segments
{
    my ($node, $gigabytes) = @_;
    my $lines = 500_000 * ($gigabytes // 1);
    foreach my $sql ('create table filler (line text)',
        "insert into filler select repeat(md5(i::text), 60) from generate_series(1, $lines) i", 'drop table filler', 'checkpoint')
    {
        $node->safe_psql('agenda', $sql);
    }
    return;
}

# A user with some tasks, who can log in too; returns the id of one task.
sub reader_with_tasks
{
    my ($node, $count) = @_;
    $node->safe_psql('agenda', <<'SQL');
create role reader login;
grant agenda_user to reader;
insert into agenda.users (external_id, login_role) values ('reader', 'reader');
SQL
    my $id = $node->safe_psql('agenda', <<"SQL", extra_params => [ '-U', 'reader' ]);
insert into agenda.tasks (title, due_date)
    select 'task ' || i, '2030-01-01 09:00:00Z'::timestamptz + i * interval '1 hour' from generate_series(1, $count) i;
select id from agenda.tasks limit 1;
SQL
    # as autovacuum would have done in a table that was not filled a second ago; a worker that still
    # looks at the time before keeps pages from being marked
    wait_until(
        sub {
            $node->safe_psql('agenda', 'vacuum (analyze) agenda.tasks');
            return $node->safe_psql('agenda', q{select relallvisible = relpages from pg_class where oid = 'agenda.tasks'::regclass}) eq 't';
        },
        'all tasks to be visible to all');
    return $id;
}

# As it is shipped, with its log of requests; further settings are the environment's names; returns the pid.
# Its backends are those of the role bench_gw.
sub start_gateway
{
    my ($node, $port, $key, %settings) = @_;
    my $file = "$ENV{TESTDIR}/jwt.key";
    open my $out, '>', $file or die "$file: $!";
    print $out $key;
    close $out;
    chmod 0600, $file;
    $node->safe_psql('agenda', <<'SQL');
select 'create role bench_gw login' where to_regrole('bench_gw') is null \gexec
grant agenda_gateway to bench_gw;
alter role bench_gw set search_path = '';
alter role bench_gw set jit = off;
alter role bench_gw set plan_cache_mode = force_generic_plan;
SQL
    my $pid = spawn('gateway', [ $ENV{AGENDA_GATEWAY} ],
        AGENDA_PORT => $port, AGENDA_JWT_KEY_FILE => $file,
        AGENDA_DATABASE => "host=" . $node->host . " port=" . $node->port . " dbname=agenda user=bench_gw",
        %settings);
    wait_until(sub { system("curl -fs -o /dev/null http://127.0.0.1:$port/readyz") == 0 }, 'the gateway', 30);
    return $pid;
}

1;
