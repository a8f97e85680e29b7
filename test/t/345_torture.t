# Sixteen writers on twenty tasks, and whatever can happen to a process or a connection: kill -9 of drainer,
# backend, postmaster and broker, restarts, dropped, half-open and frozen connections, in random order.
# Writers roll back, use savepoints, COPY, two-phase commit and statements of many rows.  Then the books:
# nothing lost, no ghosts, no reordering, repetitions counted.
#
# AGENDA_TORTURE_MINUTES=n tortures for n minutes (default: 20 seconds), AGENDA_TORTURE_SEED repeats an order,
# AGENDA_TORTURE_DRAINERS=n has n drainers (default: one to three, by the seed).
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use FlakyProxy;
use List::Util qw(sum0);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

my $seconds = ($ENV{AGENDA_TORTURE_MINUTES} // 0) * 60 || 20;
my $seed = $ENV{AGENDA_TORTURE_SEED} // time % 1_000_000;
my $tasks = 20;
my $topic = 'everything';
my %done;    # fault => how often
srand $seed;
my $drainers = $ENV{AGENDA_TORTURE_DRAINERS} // 1 + int rand 3;
note("seed $seed, $drainers drainers");

# ---- broker behind a proxy, server, writers ----------------------------------------------------
my $proxy = FlakyProxy->new;
my $kafka = AgendaKafka->new;
$kafka->advertise($proxy->port);
$kafka->start;
$proxy->start('127.0.0.1', $kafka->port);
# a broker that takes long to make it would refuse it as unknown meanwhile
$kafka->create_topics("$topic:4");
my $tmp = $PostgreSQL::Test::Utils::tmp_check;
# what is half open is noticed after this time
append_to_file("$tmp/340_kafka.conf", "socket.timeout.ms=2000\nmessage.send.max.retries=2147483647\n");
my $node = agenda_node('torture',
    'agenda.kafka_brokers' => '127.0.0.1:' . $proxy->port,
    'agenda.kafka_config_file' => "$tmp/340_kafka.conf",
    'agenda.drainers' => $drainers,
    'restart_after_crash' => 'on',
    # a crash takes the newest commits back: Kafka must not have them
    'synchronous_commit' => 'off',
    'wal_writer_delay' => '2s',
    'max_prepared_transactions' => 64,
    'deadlock_timeout' => '100ms',
    'max_connections' => 60);

# The answer, or nothing from a server that is not there (psql may be gone before it has read the question).
sub ask
{
    my ($code, $out) = eval { $node->psql('agenda', $_[0]) };
    return defined $code && $code == 0 ? $out : undef;
}

$node->safe_psql('agenda', qq{
    delete from agenda.topic_routes;
    insert into agenda.topic_routes select 'task.' || w, '$topic' from unnest('{created,updated,completed,reopened,deleted}'::text[]) w;
    create table public.ledger (task uuid, mark text)});
my $user = $node->safe_psql('agenda', "select agenda.user_id_of('writer')");
my @ids = split /\n/, $node->safe_psql('agenda', act_sql('writer', <<"SQL"));
insert into agenda.tasks (title) select 'task ' || n from generate_series(1, $tasks) n returning id
SQL
is(scalar @ids, $tasks, 'tasks to work on');

# Every change that commits stands in the ledger by a mark that is the title then.
append_to_file("$tmp/340_writer.sql", <<'SQL');
\set n random(1, :tasks)
\set what random(1, 20)
\set mark random(1, 1000000000000)
begin;
select agenda.act_as(:user) \gset
select id from agenda.tasks where title not like 'extra%' order by created_at, id offset :n - 1 limit 1 \gset
update agenda.tasks set title = 'w :client_id :mark' where id = ':id';
insert into public.ledger values (':id', 'w :client_id :mark');
\if :what <= 2
savepoint s;
update agenda.tasks set priority = 1 + priority % 3, title = 'undone' where id = ':id';
insert into agenda.tasks (title) values ('extra undone');
rollback to s;
update agenda.tasks set title = 'v :client_id :mark' where id = ':id';
insert into public.ledger values (':id', 'v :client_id :mark');
\elif :what <= 4
with changed as (update agenda.tasks t set title = 'm :client_id :mark'
                   from (select id from agenda.tasks where title not like 'extra%' and id > ':id' order by id limit 5 for no key update) o
                  where t.id = o.id returning t.id)
insert into public.ledger select id, 'm :client_id :mark' from changed;
\elif :what <= 6
update agenda.tasks set status = case status when 'completed' then 'pending' else 'completed' end where id = ':id';
\elif :what = 7
insert into agenda.tasks (title) values ('extra :client_id :mark');
delete from agenda.tasks where title like 'extra%' and title <> 'extra :client_id :mark';
\endif
\if :what <= 16
commit;
\elif :what = 17
prepare transaction 'p:client_id:mark';
commit prepared 'p:client_id:mark';
\elif :what = 18
prepare transaction 'p:client_id:mark';
rollback prepared 'p:client_id:mark';
\else
rollback;
\endif
SQL
my @writers = spawn('writers', [ 'sh', '-c', <<'SH', "$tmp/340_writer.sql", $user, $tasks ], PGHOST => $node->host, PGPORT => $node->port, PGAPPNAME => 'writers');
trap 'kill $pgbench; exit' TERM
while :; do
    pgbench -n -M simple -c 16 -j 2 -T 6000 -R 400 --max-tries=3 -f "$0" -D user="'$1'" -D tasks="$2" agenda &
    pgbench=$!
    wait $pgbench
done
SH
push @writers, spawn('copier', [ 'sh', '-c', <<'SH', $user ], PGHOST => $node->host, PGPORT => $node->port, PGAPPNAME => 'copier');
trap 'exit' TERM
n=0
while :; do
    n=$((n + 1))
    seq 1 50 | sed "s/.*/$0	extra copy $n &/" |
        psql -qX -d agenda -c 'set role agenda_service' -c '\copy agenda.tasks (user_id, title) from pstdin'
done
SH

# ---- progress ----------------------------------------------------------------------------------
sub head { return ask('select max(seq) from agenda.events') || 0 }

sub wait_for_writers
{
    my ($what) = @_;
    my $before = wait_until(\&head, "the server to answer $what");
    wait_until(sub { head() > $before + 100 }, "writers to go on $what");
}

sub wait_for_delivery
{
    my ($what) = @_;
    my $before = wait_until(sub { $kafka->count_records($topic) }, "the broker to answer $what");
    wait_until(sub { $kafka->count_records($topic) > $before + 50 }, "deliveries $what");
}

sub pid_of
{
    my ($condition) = @_;
    return wait_until(sub { ask("select pid from pg_stat_activity where $condition order by random() limit 1") }, 'a process');
}

sub kill_process { kill 'KILL', pid_of($_[0]) }
my $drainer = q{backend_type = 'pg_agenda drainer' and datname = 'agenda'};

sub start_again
{
    # whoever is left of the last one has to go first; a start that fails takes its pid file for a server
    wait_until(sub { delete $node->{_pid}; $node->start(fail_ok => 1) }, 'the server to start');
}

# Ends what a session that was killed has left prepared, one way or the other.
my $prepared = 0;

sub settle_prepared
{
    foreach my $gid (split /\n/, ask(q{select gid from pg_prepared_xacts where prepared < clock_timestamp() - interval '1 second'}) // '')
    {
        ask((++$prepared % 2 ? 'commit' : 'rollback') . " prepared '$gid'");
    }
}

# ---- the faults --------------------------------------------------------------------------------
my %faults = (
    'drainer killed' => sub { kill_process($drainer) },
    'drainer terminated' => sub { ask("select pg_terminate_backend(pid) from pg_stat_activity where $drainer") },
    'backend killed' => sub { kill_process(q{application_name = 'writers'}) },
    'backend terminated' => sub { ask(q{select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'writers' limit 3}) },
    'scanner killed' => sub { kill_process(q{backend_type = 'pg_agenda scanner' and datname = 'agenda'}) },
    'postmaster killed' => sub { $node->kill9; start_again() },
    'server stopped immediately' => sub { $node->stop('immediate'); start_again() },
    'server restarted' => sub { $node->stop('fast'); start_again() },
    'broker killed' => sub {
        $kafka->kill9;
        wait_for_writers('without a broker');
        # the position must not have passed what the broker has not acknowledged
        ask('checkpoint');
        kill_process($drainer) if rand() < 0.5;
        $kafka->start;
    },
    'broker restarted' => sub { $kafka->stop; $kafka->start },
    'broker and postmaster killed' => sub { $kafka->kill9; $node->kill9; start_again(); $kafka->start },
    'connections dropped' => sub { $proxy->drop },
    'connections half open' => sub { $proxy->forget },
    'connections frozen' => sub { $proxy->freeze; wait_for_writers('behind a frozen network'); $proxy->thaw });

wait_for_delivery('before any fault');
my $end = time + $seconds;
my @order = sort keys %faults;
while (time < $end)
{
    my $fault = $order[ rand @order ];
    # the slow ones not too often in a short run
    next if $fault =~ /^broker/ && $done{$fault} && $seconds < 60;
    note(sprintf('%.1f s: %s', $end - time, $fault));
    $faults{$fault}->();
    $done{$fault}++;
    settle_prepared();
    wait_for_writers("after: $fault");
    wait_for_delivery("after: $fault");
}
pass("writers and deliveries went on after each of " . sum0(values %done) . ' faults');
stop_process($_) foreach reverse @writers;

# ---- the end -----------------------------------------------------------------------------------
# What was left prepared still has its locks, for which the last writers may wait.
$node->safe_psql('agenda', "select pg_terminate_backend(pid) from pg_stat_activity where application_name in ('writers', 'copier')");
$node->poll_query_until('agenda', "select count(*) = 0 from pg_stat_activity where application_name in ('writers', 'copier')");
wait_until(sub { settle_prepared(); ask('select count(*) from pg_prepared_xacts') eq '0' }, 'prepared transactions to end');
note("$prepared transactions were left prepared by a crash, and ended later");
wait_until(sub { ask(q{select lag = 0 from agenda.log_position()}) eq 't' }, 'the log to be published', 180);

# ---- the books ---------------------------------------------------------------------------------
# The log first, then the records as they come, so that a long run fits into memory.
my (%logged, %times, %last, %final, @ghosts, @reordered);
open my $log, '-|', 'psql', '-XAtqc', q{copy (select id, seq from agenda.events where type like 'task.%') to stdout}, $node->connstr('agenda')
  or die "psql: $!\n";
while (<$log>)
{
    my ($id, $seq) = /^(\S+)\t(\d+)$/;
    $logged{$id} = $seq;
}
close $log or die "psql failed\n";
my $records = 0;
$kafka->each_header($topic, sub {
    my ($partition, $key, $headers) = @_;
    my ($id) = $headers =~ /ce_id=([^,]+)/;
    my ($seq) = $headers =~ /ce_sequence=0*(\d+)/;

    $records++;
    $final{$key} = $seq;
    push @ghosts, $id if !exists $logged{$id};
    return if $times{$id}++;
    push @reordered, "$key: $seq after $last{$key}" if ($last{$key} // 0) > $seq;
    $last{$key} = $seq;
});
my @lost = grep { !$times{$_} } keys %logged;
my @stale = grep { $final{$_} != $last{$_} } keys %last;
my $repeated = $records - keys %times;

note('faults: ' . join(', ', map { "$_ $done{$_}" } sort keys %done));
note(sprintf('%d events, %d records, %d lost, %d ghosts, %d reordered, %d repeated', scalar(keys %logged), $records, scalar @lost, scalar @ghosts, scalar @reordered, $repeated));
cmp_ok(scalar keys %logged, '>', 2000, 'there was a stream');
is(scalar @lost, 0, 'every committed event is in Kafka') or diag(join "\n", grep { defined } @lost[ 0 .. 9 ]);
is(scalar @ghosts, 0, 'nothing that was rolled back or lost in a crash is there') or diag(join "\n", grep { defined } @ghosts[ 0 .. 9 ]);
is(scalar @reordered, 0, 'first deliveries of each task are in order') or diag(join "\n", grep { defined } @reordered[ 0 .. 9 ]);
is(scalar @stale, 0, 'the last record of each task is its newest event, whatever was repeated') or diag(join "\n", grep { defined } @stale[ 0 .. 9 ]);
is($node->safe_psql('agenda', q{
    select count(*) from (select task::text, mark from public.ledger
                          except select subject, data->'after'->>'title' from agenda.events) missing}), '0', 'every change in the ledger has its event');
is($node->safe_psql('agenda', q{
    select count(*) from agenda.tasks t
      join lateral (select e.data from agenda.events e where e.subject = t.id::text and e.type like 'task.%' order by e.seq desc limit 1) e on true
     where t.title is distinct from e.data->'after'->>'title' or t.status is distinct from e.data->'after'->>'status'}), '0', 'the log ends with what the tables have');
is($node->safe_psql('agenda', 'select reason, count(*), min(created_at), max(created_at) from agenda.dead_letters group by reason'), '', 'no dead letters');

fsck_clean($node);
$node->stop;
done_testing();
