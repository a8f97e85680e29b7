# bench.pl - the measurements of make bench; test/bench/run prepares what they need.
#
#   perl bench.pl [PART...]
#
# One server with durable settings (fsync on), one user.  Each row of a table has the load average
# at its start beside it.  Peers: a plain INSERT into an equal table with equal indexes, in the
# same run; /healthz and a SELECT of the same row by pgbench for GET.  Results go to one JSON file
# in $TESTDIR.
use strict;
use warnings;

use AgendaBench;    # first: it keeps STDOUT
use AgendaKafka;
use AgendaTest;
use JSON::PP ();
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my $seconds = bench_seconds();
my $clients = 8;
my $root = $ENV{AGENDA_ROOT};
my @wanted = @ARGV ? @ARGV : qw(create drain latency sustained get);
my $brokers;
my %result = (started => strftime('%FT%TZ', gmtime), machine => machine());

my $node = start_node();
my %part = (create => \&create, drain => \&drain, latency => \&latency, sustained => \&sustained, get => \&get);
say_line("machine: $result{machine}{cpus} x $result{machine}{model}, fdatasync $result{machine}{fdatasync_us} us");
foreach my $name (grep { $part{$_} } @wanted)
{
    $result{$name} = $part{$name}->();
}
write_results(\%result);

# PostgreSQL::Test::Cluster sets up servers for tests; here they are to be durable and silent.
sub start_node
{
    my $n = agenda_node('bench',
        fsync => 'on', log_statement => 'none', shared_buffers => '512MB', max_wal_size => '4GB',
        max_connections => 200, autovacuum_naptime => '10s', log_min_messages => 'warning');
    $n->safe_psql('agenda', <<'SQL');
create role bench login;
create role bench_app login;
grant agenda_user to bench;
insert into agenda.users (external_id, login_role) values ('bench', 'bench');
grant agenda_app to bench_app;
-- peers: the row alone; the row with the same indexes
create table public.bare (like agenda.tasks including defaults);
create table public.indexed (like agenda.tasks including defaults including indexes);
alter table public.bare alter user_id set default '00000000-0000-0000-0000-000000000001';
alter table public.indexed alter user_id set default '00000000-0000-0000-0000-000000000001';
grant select, insert on public.bare, public.indexed to bench, bench_app;
SQL
    make_wal_segments($n);
    return $n;
}

# ---- create: a task per transaction ---------------------------------------------------------

# What a user's own login does in one statement, and what an application does in a transaction for a
# user; each beside the same row in a table of its own, whose server makes id and times the same way.
# "bare" has neither indexes nor triggers, "indexed" the indexes of agenda.tasks.  All of them
# answer with the id, as create_task() does; "silent" is what bare would do without an answer.  One field in
# the select list spares the server what a function in FROM needs: a row type of its own, a store for its rows.
# Rounds of all of them, one after the other, so that what else machine and disk do meets them alike: figures and
# shares are medians over the rounds, a share that of its round.
sub create
{
    my %figure;
    my $due = q{'2030-01-01T09:00:00Z'};
    my $row = "(title, due_date) values ('x', $due)";
    my $user = $node->safe_psql('agenda', q{select agenda.user_id_of('bench app')});
    my $act = "begin;\nselect agenda.act_as('$user')";
    my $call = "agenda.create_task('x', due => $due)";
    my $function = "select id from $call";
    my @cases = (
        [ bare => 'INSERT, bare table (peer)', "insert into public.bare $row returning id" ],
        [ silent => 'INSERT, bare table, no answer', "insert into public.bare $row" ],
        [ indexed => 'INSERT, same indexes (peer)', "insert into public.indexed $row returning id" ],
        [ insert => 'INSERT INTO agenda.tasks', "insert into agenda.tasks $row returning id" ],
        [ create_task => 'create_task()', $function ],
        [ one_field => '(create_task()).id', "select ($call).id" ],
        [ peer_in_transaction => 'BEGIN, SELECT, INSERT, COMMIT (peer)',
          "begin;\nselect 1;\ninsert into public.indexed $row returning id;\ncommit", 'bench_app' ],
        [ in_transaction => 'BEGIN, act_as(), create_task(), COMMIT', "$act;\n$function;\ncommit", 'bench_app' ]);
    foreach my $commit (qw(on off))
    {
        say_line("\nnew tasks per second: pgbench, $clients clients, $seconds s, synchronous_commit = $commit");
        local $ENV{PGOPTIONS} = "-c synchronous_commit=$commit";
        my %tps;
        my $measure = sub {
            my ($key, $what, $sql, $role) = @_;
            my $got = pgbench($sql, $clients, $role ? ('-U', $role) : ());
            $tps{$key} = $got->{tps};
            my $peer = $role ? 'peer_in_transaction' : $key eq 'bare' || $key eq 'silent' ? 'bare' : 'indexed';
            return { %$got, of_bare => 100 * $got->{tps} / $tps{bare}, of_peer => 100 * $got->{tps} / $tps{$peer} };
        };
        my %got = rounds(3, map { my $case = $_; ($case->[0] => sub { $measure->(@$case) }) } @cases);
        $figure{$commit} = \%got;
        foreach my $case (@cases)
        {
            row($case->[1], sprintf('%7.0f /s  %6.2f ms  %4.0f %% of bare  %4.0f %% of its peer  CPU %4.0f us  WAL %5.0f bytes',
                    @{ $got{ $case->[0] } }{qw(tps ms of_bare of_peer server_us wal_bytes)}));
        }
    }
    return \%figure;
}

sub pgbench
{
    my ($sql, $jobs, @more) = @_;
    my $script = "$ENV{TESTDIR}/script.sql";
    my $load = load();
    open my $out, '>', $script or die "$script: $!";
    print $out "$sql;\n";
    close $out;
    my ($cpu, $wal) = server_so_far();
    my $text = run_out('pgbench', '-n', '-M', 'prepared', '-c', $jobs, '-j', 2, '-T', $seconds,
        '-f', $script, '-h', $node->host, '-p', $node->port, '-U', 'bench', @more, 'agenda');
    my ($tps) = $text =~ /^tps = ([\d.]+)/m;
    my ($ms) = $text =~ /^latency average = ([\d.]+)/m;
    my ($count) = $text =~ /^number of transactions actually processed: (\d+)/m;
    my ($cpu_now, $wal_now) = server_so_far();
    return { tps => $tps + 0, ms => $ms + 0, load => $load + 0,
        server_us => 1e6 * ($cpu_now - $cpu) / $count, wal_bytes => ($wal_now - $wal) / $count };
}

# Seconds of processor time that all processes of the server have used, those that have ended too, and
# the bytes of WAL that it has written.
sub server_so_far
{
    my $wal = $node->safe_psql('agenda', q{select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')});
    my ($postmaster) = slurp($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
    my $ticks = 0;
    foreach my $file (glob '/proc/[0-9]*/stat')
    {
        my @stat = split ' ', (eval { slurp($file) } // next) =~ s/^.*\) //sr;
        $ticks += $stat[11] + $stat[12] if $stat[1] == $postmaster || $file eq "/proc/$postmaster/stat";
        $ticks += $stat[13] + $stat[14] if $file eq "/proc/$postmaster/stat";
    }
    return ($ticks / POSIX::sysconf(POSIX::_SC_CLK_TCK()), $wal);
}

# ---- brokers --------------------------------------------------------------------------------

# Does the work with each broker that can be had here; returns name => result.
sub with_each_broker
{
    my ($work) = @_;
    my %figure;

    $brokers //= start_brokers();
    foreach my $broker (@$brokers)
    {
        $figure{ $broker->{name} } = $work->(@$broker{qw(what bootstrap)});
        publish_to('');
    }
    return \%figure;
}

sub start_brokers
{
    my $dev = AgendaKafka::DevBroker->new->start;
    my @found = ({ name => 'devbroker', what => 'development broker', bootstrap => $dev->bootstrap, keep => $dev });

    if (my $reason = AgendaKafka->skip_reason)
    {
        say_line("  no Apache Kafka: $reason");
        return \@found;
    }
    my $kafka = AgendaKafka->new(heap => '1G')->start;
    $kafka->create_topics('task-created:3');
    push @found, { name => 'kafka', what => 'Apache Kafka', bootstrap => $kafka->bootstrap, keep => $kafka };
    return \@found;
}

sub publish_to
{
    my ($brokers) = @_;
    $node->safe_psql('postgres', "alter system set agenda.kafka_brokers = '$brokers'");
    $node->safe_psql('postgres', 'select pg_reload_conf()');
}

# Returns what waits for the end and gives a line for each record: id, tab, time.
sub consumer
{
    my ($brokers, $count) = @_;
    my $out = "$ENV{TESTDIR}/consumer.out";
    unlink $out;
    my $pid = spawn('consumer',
        [ 'sh', '-c', 'exec "$@" >"$0"', $out, "$ENV{TESTDIR}/consumer", $brokers, 'task-created', $count, 20 ]);
    wait_until(sub { -e $out && slurp($out) =~ /ready/ }, 'the consumer', 30);
    return sub {
        wait_until(sub { slurp($out) =~ /^end$/m }, 'the consumer to finish', 600);
        stop_process($pid);
        return grep { /\t/ } split /^/, slurp($out);
    };
}

# ---- drain: a backlog through the drainer ---------------------------------------------------

sub drain
{
    my $events = $ENV{AGENDA_BENCH_BACKLOG} // 100_000;
    say_line("\nrecords per second through the drainer: $events events waiting, from the first to the last acknowledgement");
    return with_each_broker(
        sub {
            my ($what, $brokers) = @_;
            # the drainer is told of the broker once the backlog is there
            make_backlog($events);
            my $bytes = $node->safe_psql('agenda', q{select round(avg(length(data::text))) + 420 from agenda.events where type = 'task.created'});
            my $before = published();
            my ($started, $cpu) = (undef, drainer_cpu());
            publish_to($brokers);
            wait_until(sub { published() > $before }, 'the first record', 60);
            $started = time;
            my $already = published() - $before;
            wait_until(sub { published() >= $before + $events }, 'the backlog to be published', 600);
            my $rate = ($events - $already) / (time - $started);
            $cpu = drainer_cpu() - $cpu;
            my $limit = producer($brokers, 'bench-limit', $events, $bytes, 0);
            row($what, sprintf('%7.0f /s, %2.0f %% of the client alone (%.0f /s, %d bytes); drainer and client threads %.1f us of CPU per record',
                    $rate, 100 * $rate / $limit->{per_second}, $limit->{per_second}, $bytes, 1e6 * $cpu / $events));
            return { per_second => $rate, limit => $limit, cpu_seconds => $cpu, load => load() + 0 };
        });
}

sub published { return $node->safe_psql('agenda', q{select published from agenda._drainer_figures()}) }

# Seconds of processor time that the drainer has used; without the threads of the client, if asked so.
sub drainer_cpu
{
    my ($own) = @_;
    my $pid = wait_until(sub { $node->safe_psql('agenda', q{select agenda.health() #>> '{drainer,pid}'}) }, 'the drainer');
    my @stat = split ' ', slurp($own ? "/proc/$pid/task/$pid/stat" : "/proc/$pid/stat") =~ s/^.*\) //r;
    return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# librdkafka alone, to a topic of its own.
sub producer
{
    my ($brokers, $topic, @arguments) = @_;
    return JSON::PP::decode_json(run_out("$ENV{TESTDIR}/producer", $brokers, $topic, @arguments));
}

# Without a broker the drainer would read on and publish nothing, so the backlog is made while it
# is held up by a broker that is not there.
sub make_backlog
{
    my ($events) = @_;
    publish_to('127.0.0.1:1');
    $node->safe_psql('agenda',
        "insert into agenda.tasks (title) select 'backlog ' || i from generate_series(1, $events) i",
        extra_params => [ '-U', 'bench' ]);
}

# ---- sustained: written and published at the same time --------------------------------------

# Applications that emit events as fast as they can, while the drainer publishes them: what keeps up is
# what has been published meanwhile, as long as the log does not grow.  Durable commits share the flush that they
# wait for, so that it takes some of them at once to keep processors and disk busy.
sub sustained
{
    my @cases = (
        [ durable_16 => '1 event a durable commit, 16 clients', 1, 'on', 16 ],
        [ durable => '1 event a durable commit, 64 clients', 1, 'on', 64 ],
        [ asynchronous => '1 event an asynchronous commit, 8 clients', 1, 'off', 8 ],
        [ batched => '100 events a durable commit, 4 clients', 100, 'on', 4 ]);
    say_line("\nevents per second, written by emit() and published meanwhile: $seconds s, everything on this machine");
    $node->safe_psql('agenda', q{insert into agenda.topic_routes values ('bench.event', 'task-created') on conflict do nothing});
    return with_each_broker(
        sub {
            my ($what, $brokers) = @_;
            my %figure;
            publish_to($brokers);
            # a broker that has just been started compiles itself
            producer($brokers, 'bench-limit', 20_000, 800, 5000);
            foreach my $case (@cases)
            {
                my ($name, $how, $events, $commit, $jobs) = @$case;
                $figure{$name} = write_and_publish($events, $commit, $jobs);
                row("$what, $how", sprintf('%7.0f written/s  %7.0f published/s  %6.0f waiting at the end; the rest after %.2f s',
                        @{ $figure{$name} }{qw(written published waiting rest_seconds)}));
            }
            return \%figure;
        });
}

sub write_and_publish
{
    my ($events, $commit, $jobs) = @_;
    my $data = '{"n": 1, "text": "as long as the data of an event usually is"}';
    my $emit = $events == 1
      ? "\\set i random(1, 1000000)\nselect agenda.emit('bench.event', 'thing ' || :i, '$data', 'key ' || :i % 1000)"
      : "select count(agenda.emit('bench.event', 'thing ' || i, '$data', 'key ' || i % 1000))"
      . " from (select random() * 1000000 as r) s, generate_series(r::integer, r::integer + $events - 1) i";
    wait_until(sub { waiting() == 0 }, 'the log to be published', 600);

    local $ENV{PGOPTIONS} = "-c synchronous_commit=$commit";
    my ($published, $load) = (published(), load());
    my $made = pgbench($emit, $jobs, '-U', 'bench_app');
    my ($waiting, $began) = (waiting(), time);
    $published = published() - $published;
    wait_until(sub { waiting() == 0 }, 'the rest to be published', 600);
    return { written => $made->{tps} * $events, published => $published / $seconds, waiting => $waiting,
        rest_seconds => time - $began, load => $load + 0 };
}

sub waiting { return $node->safe_psql('agenda', q{select (agenda.log_position()).lag}) }

# ---- latency: commit to acknowledgement and to consumer -------------------------------------

# Rounds of four runs each, one after the other so that what else the machine does meets them alike; the
# figures are medians over the rounds.  Nobody consumes but in the last: fetches are half the broker's work.
#
#	alone		the client, nothing else, a record at each tick of the rate
#	beside		the client beside the same tasks, which nobody publishes; its records come at random, as they do
#	acknowledged	the drainer; from the COMMIT: the server notes its time when it begins, before the WAL is flushed;
#			how long a flush took on average stands with it
#	consumer	the drainer and somebody who reads
#
# A broker that has just been started compiles itself and is warmed first.
sub latency
{
    my $rate = $ENV{AGENDA_BENCH_RATE} // 1000;
    $node->append_conf('postgresql.conf', "track_commit_timestamp = on\ntrack_wal_io_timing = on");
    $node->restart;
    say_line("\nat $rate tasks/s, a durable commit each: ms from the COMMIT, before its flush, to the broker's acknowledgement and to"
          . " a consumer; the client from handing over to acknowledgement; CPU of the drainer's own thread, and of all with the client's");
    return with_each_broker(
        sub {
            my ($what, $brokers) = @_;
            publish_to($brokers);
            # the first record to a topic pays for connection and metadata
            my $first = consumer($brokers, 1);
            pgbench_one();
            $first->();
            producer($brokers, 'bench-limit', 20 * $rate, 800, 5 * $rate);
            drained_at($rate);
            my %figure = rounds(5,
                alone => sub { client_at($brokers, $rate) },
                beside => sub { client_beside_tasks($brokers, $rate) },
                acknowledged => sub { drained_at($rate) },
                consumer => sub {
                    my $wait = consumer($brokers, int($rate * $seconds * 0.8));
                    my $drained = drained_at($rate);
                    return { %{ from_commit($wait->()) }, acknowledged_p99_ms => $drained->{p99_ms} };
                });
            my $got = $figure{acknowledged};
            my @over = map { my $peer = $_; map { $got->{$_} - $figure{$peer}{$_} } qw(p50_ms p99_ms) } qw(alone beside);
            row("$what, acknowledged", sprintf('p50 %6.2f  p99 %6.2f; of that a flush of %.2f', @$got{qw(p50_ms p99_ms flush_ms)}));
            row("$what, client alone", sprintf('p50 %6.2f  p99 %6.2f; acknowledged is p50 %.2f  p99 %.2f above it', @{ $figure{alone} }{qw(p50_ms p99_ms)}, @over[ 0, 1 ]));
            row("$what, client beside the same tasks", sprintf('p50 %6.2f  p99 %6.2f; acknowledged is p50 %.2f  p99 %.2f above it', @{ $figure{beside} }{qw(p50_ms p99_ms)}, @over[ 2, 3 ]));
            row("$what, consumer", sprintf('p50 %6.2f  p99 %6.2f; acknowledged meanwhile p99 %.2f', @{ $figure{consumer} }{qw(p50_ms p99_ms acknowledged_p99_ms)}));
            row("$what, drainer", sprintf('%.0f commits/s, %.0f reads/s; CPU %.1f %%, %.0f us a read; with the client %.1f %%, %.0f us a read',
                    @$got{qw(tps reads)}, map { (100 * $_, 1e6 * $_ / ($got->{reads} || 1)) } @$got{qw(drainer_cpu cpu)}));
            return \%figure;
        });
}

# Does each of the named runs in turn, so many times; returns the medians of their figures.
sub rounds
{
    my ($rounds, @runs) = @_;
    my %found;

    foreach my $round (1 .. $rounds)
    {
        for (my $i = 0; $i < @runs; $i += 2)
        {
            my $figures = $runs[ $i + 1 ]->();
            push @{ $found{ $runs[$i] }{$_} }, $figures->{$_} foreach keys %$figures;
        }
    }
    foreach my $figures (values %found)
    {
        $figures->{$_} = (sort { $a <=> $b } @{ $figures->{$_} })[ $rounds / 2 ] foreach keys %$figures;
    }
    return %found;
}

sub client_at
{
    my ($brokers, $rate, @gaps) = @_;
    my $limit = producer($brokers, 'bench-limit', $rate * $seconds, 800, $rate, @gaps);
    return { map { $_ => $limit->{$_} } qw(p50_ms p99_ms) };
}

# The load that the drainer's figure carries, but for the publishing.
sub client_beside_tasks
{
    my ($brokers, $rate) = @_;
    publish_to('');
    my $tasks = fork() // die "fork: $!";
    if ($tasks == 0)
    {
        my $ok = eval { tasks_at($rate) };
        POSIX::_exit($ok ? 0 : 1);
    }
    my $figure = client_at($brokers, $rate, 'random');
    waitpid $tasks, 0;
    die "pgbench failed\n" if $?;
    # the first record to a topic pays for connection and metadata
    wait_until(sub { waiting() == 0 }, 'the log to be passed', 600);
    publish_to($brokers);
    my $before = published();
    wait_until(sub { pgbench_one(); published() > $before }, 'the broker to be found again', 60);
    return $figure;
}

sub tasks_at { return pgbench("select id from agenda.create_task('x')", 4, '-R', $_[0]) }

# Tasks at this rate, from the COMMIT to the acknowledgement, and what the drainer did meanwhile, by the second.
sub drained_at
{
    my ($rate) = @_;
    wait_until(sub { waiting() == 0 }, 'the log to be published', 600);
    my ($before, $reads, $cpu, $all_cpu) = (histogram(), reads(), drainer_cpu(1), drainer_cpu());
    $node->safe_psql('agenda', q{select pg_stat_reset_shared('wal')});
    my $made = tasks_at($rate);
    my $flush_ms = $node->safe_psql('agenda', q{select wal_sync_time / nullif(wal_sync, 0) from pg_stat_wal});
    wait_until(sub { waiting() == 0 }, 'the rest to be published', 600);
    return { percentiles($before, histogram()), tps => $made->{tps}, flush_ms => $flush_ms || 0,
        map { $_->[0] => $_->[1] / $seconds } [ reads => reads() - $reads ],
        [ drainer_cpu => drainer_cpu(1) - $cpu ], [ cpu => drainer_cpu() - $all_cpu ] };
}

# Percentiles of what the consumer has got.
sub from_commit
{
    my $file = "$ENV{TESTDIR}/arrivals.tsv";
    open my $out, '>', $file or die "$file: $!";
    print $out @_;
    close $out;
    my ($p50, $p99) = split /\|/, $node->safe_psql('agenda', <<"SQL");
create temp table arrivals (id uuid, at double precision);
copy arrivals from '$file';
select percentile_disc('{0.5,0.99}'::float8[]) within group (order by 1000 * (a.at - extract(epoch from pg_xact_commit_timestamp(e.xid::xid)))) as p
  into temp result from arrivals a join agenda.events e using (id);
select p[1], p[2] from result;
SQL
    return { p50_ms => $p50 + 0, p99_ms => $p99 + 0 };
}

sub reads { return $node->safe_psql('agenda', q{select value from agenda.metrics() where name = 'agenda_drainer_reads_total'}) }

# The drainer's histogram: [ upper bound in seconds, count so far ].
sub histogram
{
    return [ map { [ split /\|/ ] } split /\n/, $node->safe_psql('agenda',
            q{select labels->>'le', value from agenda.metrics() where name = 'agenda_publish_seconds_bucket' and labels->>'le' <> '+Inf'
              order by (labels->>'le')::float8}) ];
}

# Between two readings, in milliseconds, by straight lines inside of the buckets.
sub percentiles
{
    my ($before, $after) = @_;
    my @counts = map { $after->[$_][1] - $before->[$_][1] } 0 .. $#$after;
    my %result;

    foreach my $p (50, 99)
    {
        my $wanted = $counts[-1] * $p / 100;
        my ($i) = grep { $counts[$_] >= $wanted } 0 .. $#counts;
        my ($low, $below) = $i ? ($after->[ $i - 1 ][0], $counts[ $i - 1 ]) : (0, 0);
        my $share = $counts[$i] > $below ? ($wanted - $below) / ($counts[$i] - $below) : 1;
        $result{"p${p}_ms"} = 1000 * ($low + $share * ($after->[$i][0] - $low));
    }
    return %result;
}

sub pgbench_one
{
    $node->safe_psql('agenda', "select agenda.create_task('first')", extra_params => [ '-U', 'bench' ]);
}

# ---- get: the gateway -----------------------------------------------------------------------

sub get
{
    my $port = free_port();
    my $key = 'bench-key-bench-key-bench-key-bench-key';
    my $token = token('reader', $key);
    my $id = reader_with_tasks($node, 1000);
    my $pid = start_gateway($node, $port, $key);
    my $measure = sub {
        my ($what, @load) = @_;
        my $figure = with_cpu($node, $pid, 'bench_gw', sub { wrk(@load) });
        rate_row($what, $figure);
        return $figure;
    };

    say_line("\nrequests per second: wrk, 64 connections, $seconds s, on the same machine; CPU per request: gateway + its backends");
    my %figure;
    my @cases = (
        [ healthz => '/healthz (limit: no database)', "http://127.0.0.1:$port/healthz" ],
        [ task => "/api/tasks/{id}", "http://127.0.0.1:$port/api/tasks/$id" ],
        [ list => '/api/tasks, 20 of 1000 and their count', "http://127.0.0.1:$port/api/tasks?page_size=20" ]);
    foreach my $case (@cases)
    {
        my ($name, $what, $url) = @$case;
        $figure{$name} = $measure->($what, $url, $token);
    }
    $figure{post} = $measure->('POST /api/tasks: task, timer, event', "http://127.0.0.1:$port/api/tasks", $token,
        wrk_post('{"title": "from the bench", "due_date": "2030-01-01T09:00:00Z"}'));
    my $sql = "select agenda.task_json(t) from agenda.get_task('$id') t";
    $figure{select} = pgbench($sql, 64, '-U', 'reader');
    row('the same row by pgbench, 64 clients (peer)', sprintf('%7.0f /s  avg %6.2f ms', @{ $figure{select} }{qw(tps ms)}));
    return \%figure;
}
