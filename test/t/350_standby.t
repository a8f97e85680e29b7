# The log when the server moves: promotion of a standby, a primary that comes back, a copy, a dump, pg_upgrade; another
# number of drainers, DROP EXTENSION and DROP DATABASE while everybody writes.  Once with one drainer on the embedded
# broker, once with three on a real Kafka.  AGENDA_ROUNDS=n does it n times.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $tmp = $PostgreSQL::Test::Utils::tmp_check;
my ($round, $drainers, $broker);
my %of_others;    # ids that another server has published since

append_to_file("$tmp/350_writer.sql", <<'SQL');
begin;
select agenda.act_as(agenda.user_id_of('writer :client_id')) \gset
insert into agenda.tasks (title) values ('new');
update agenda.tasks set title = 'changed ' || random() where id = (select id from agenda.tasks order by created_at desc limit 1);
commit;
SQL

# ---- helpers -----------------------------------------------------------------------------------
sub new_node
{
    my ($name, %settings) = @_;
    my $node = agenda_node("$name$round",
        'agenda.kafka_brokers' => $broker->bootstrap,
        'agenda.drainers' => $drainers,
        'max_worker_processes' => 20,
        'wal_level' => 'replica',
        'max_wal_senders' => 5,
        'max_connections' => 40,
        'autovacuum' => 'off',
        %settings,
        start => 0);
    $node->set_replication_conf;
    $node->start;
    $node->safe_psql('postgres', 'create database agenda');
    $node->safe_psql('agenda', 'create extension pg_agenda');
    one_topic($node);
    return $node;
}

# Everything goes to one topic, and the log is all of it.
sub one_topic
{
    my ($node) = @_;
    $node->safe_psql('agenda', q{
        delete from agenda.topic_routes;
        insert into agenda.topic_routes select 'task.' || w, 'all' from unnest('{created,updated}'::text[]) w});
}

# Those who begin again when the server has gone away.
sub start_writers
{
    my ($node, $clients) = @_;
    return spawn('writers', [ 'sh', '-c', <<'SH', "$tmp/350_writer.sql", $clients ], PGHOST => $node->host, PGPORT => $node->port, PGAPPNAME => 'writers');
trap 'kill $pgbench; exit' TERM
while :; do
    pgbench -n -M simple -c "$1" -T 600 -R 150 -f "$0" agenda &
    pgbench=$!
    wait $pgbench
done
SH
}

sub end_writers
{
    my ($node, $writers) = @_;
    stop_process($writers);
    $node->poll_query_until('postgres', "select count(*) = 0 from pg_stat_activity where application_name = 'writers'");
}

sub broker_away { return $broker->can('command') ? $broker->command('down 1') : $broker->stop }
sub broker_back { return $broker->can('command') ? $broker->command('up 1') : $broker->start }
sub is_waiting { my ($node, $state) = @_; return $node->safe_psql('agenda', qq{select agenda.health()::text like '%"$state"%'}) eq 't' }

sub events { return $_[0]->safe_psql('agenda', 'select count(*) from agenda.events') }

sub wait_for_events
{
    my ($node, $more) = @_;
    my $before = events($node);
    wait_until(sub { events($node) > $before + $more }, 'writers');
}

sub restart_with
{
    my ($node, %settings) = @_;
    $node->stop('fast');
    $node->append_conf('postgresql.conf', "$_ = '$settings{$_}'") foreach sort keys %settings;
    $node->start;
}

sub wait_published
{
    my ($node) = @_;
    wait_until(sub { $node->safe_psql('agenda', 'select lag from agenda.log_position()') eq '0' }, 'the log to be published');
}

# id => number of its records, and (by reference) what came out of order
sub read_records
{
    my ($reordered) = @_;
    my (%seen, %last);

    $broker->each_header('all', sub {
        my (undef, $key, $headers) = @_;
        my ($id) = $headers =~ /ce_id=([^,]+)/;
        my ($seq) = $headers =~ /ce_sequence=0*(\d+)/;
        return if $seen{$id}++;
        push @$reordered, "$key: $seq after $last{$key}" if ($last{$key} // 0) > $seq;
        $last{$key} = $seq;
    });
    return %seen;
}

# The log of a node against the records: nothing lost, no ghosts, in order.
sub compare
{
    my ($node, $what) = @_;
    my %log = map { $_ => 1 } split /\n/, $node->safe_psql('agenda', q{select id from agenda.events where type in ('task.created', 'task.updated')});
    my @reordered;
    my %seen = read_records(\@reordered);
    my @lost = grep { !$seen{$_} } keys %log;
    my @ghosts = grep { !$log{$_} && !$of_others{$_} } keys %seen;
    my $records = 0;

    $records += $_ foreach values %seen;
    note(sprintf('%s: %d events, %d lost, %d ghosts, %d reordered, %d repeated', $what, scalar(keys %log), scalar @lost, scalar @ghosts, scalar @reordered, $records - keys %seen));
    is("@lost[0 .. ($#lost > 5 ? 5 : $#lost)]", '', "$what: nothing is lost");
    is("@ghosts[0 .. ($#ghosts > 5 ? 5 : $#ghosts)]", '', "$what: nothing is there that the log does not have");
    is("@reordered[0 .. ($#reordered > 5 ? 5 : $#reordered)]", '', "$what: in order");
    fsck_clean($node, "$what: fsck() finds nothing");
    return %seen;
}

# ---- promotion ---------------------------------------------------------------------------------
sub promotion
{
    my $primary = new_node('primary');
    $primary->backup('b');
    my $standby = PostgreSQL::Test::Cluster->new("standby$round");
    $standby->init_from_backup($primary, 'b', has_streaming => 1);
    $standby->start;
    # what is visible has reached the standby
    $primary->append_conf('postgresql.conf', "synchronous_standby_names = '*'");
    $primary->reload;

    my $writers = start_writers($primary, 8);
    wait_for_events($primary, 300);
    is($standby->safe_psql('agenda', 'select pg_is_in_recovery()'), 't', 'the standby follows');
    is($standby->safe_psql('agenda', q{select count(*) from pg_stat_activity where backend_type like 'pg_agenda %'}), '0', 'and has no workers');
    # some commits get no further than to the disk of the primary
    $standby->stop;
    $primary->poll_query_until('postgres', q{select count(*) > 0 from pg_stat_activity where wait_event = 'SyncRep' and application_name = 'writers'});
    $primary->kill9;
    stop_process($writers);
    $standby->start;
    $standby->promote;
    $writers = start_writers($standby, 8);
    wait_for_events($standby, 300);
    end_writers($standby, $writers);
    wait_published($standby);
    my %before = compare($standby, 'promotion');

    # the old primary comes back and does not know; recovery has made visible what was waiting
    wait_until(sub { delete $primary->{_pid}; $primary->start(fail_ok => 1) }, 'the old primary');
    wait_until(sub { is_waiting($primary, 'waiting for a synchronous standby') }, 'it to wait for its standby');
    my %its_log = map { $_ => 1 } split /\n/, $primary->safe_psql('agenda', 'select id from agenda.events');
    my %vanished = map { $_ => 1 } grep { !$before{$_} } keys %its_log;
    cmp_ok(scalar keys %vanished, '>', 0, 'an old primary has events that the standby never got');
    my %after = read_records([]);
    is(scalar(grep { $vanished{$_} } keys %after), 0, 'which it keeps to itself as long as it wants a standby');
    # nothing holds it back when it is told to do without
    $primary->append_conf('postgresql.conf', "synchronous_standby_names = ''");
    $primary->reload;
    wait_published($primary);
    %after = read_records([]);
    $of_others{$_} = 1 foreach grep { !$before{$_} } keys %after;
    note('the old primary published ' . keys(%of_others) . ' events that were not replicated');
    is_deeply([ sort keys %of_others ], [ sort keys %vanished ], 'without one it publishes these, and else only repeats what is in the log of both');
    fsck_clean($primary, 'the old primary is whole in itself');
    $primary->stop;
    return $standby;
}

# ---- another number of drainers ------------------------------------------------------------------
sub resize
{
    my ($node) = @_;
    my $writers = start_writers($node, 4);
    foreach my $n (2, 3, 1, $drainers)
    {
        restart_with($node, 'agenda.drainers' => $n);
        $node->poll_query_until('agenda', "select count(*) = $n from pg_stat_activity where backend_type = 'pg_agenda drainer' and datname = 'agenda'");
        wait_for_events($node, 50);
    }
    end_writers($node, $writers);
    wait_published($node);
    compare($node, '2, 3 and 1 drainers under load');
}

# ---- a copy ------------------------------------------------------------------------------------
sub copy
{
    my ($node) = @_;
    my $writers = start_writers($node, 4);
    wait_for_events($node, 50);
    $node->backup("c$round");
    end_writers($node, $writers);
    wait_published($node);
    my %before = read_records([]);

    my $copy = PostgreSQL::Test::Cluster->new("copy$round");
    $copy->init_from_backup($node, "c$round");
    # as the environment of another service would say it
    $copy->append_conf('postgresql.conf', "agenda.publisher_id = 'copy'");
    $copy->start;
    ok(wait_until(sub { $copy->safe_psql('agenda', q{select agenda.health() #>> '{drainer,state}'}) eq 'log belongs to another cluster' }, 'the copy to notice'),
        'a copy of the files notices that it is one');
    my $writers_of_copy = start_writers($copy, 4);
    wait_for_events($copy, 100);
    end_writers($copy, $writers_of_copy);
    my %after = read_records([]);
    is(scalar(keys %after), scalar(keys %before), 'and publishes nothing');
    is($copy->safe_psql('agenda', q{select agenda.adopt_log() > 0}), 't', 'until somebody says that it shall');
    $copy->safe_psql('agenda', act_sql('writer', q{insert into agenda.tasks (title) values ('of the copy')}));
    wait_until(sub { my %now = read_records([]); keys %now == 1 + keys %before }, 'the event of the copy');
    pass('from then on its own events, and only those');
    my %now = read_records([]);
    $of_others{$_} = 1 foreach grep { !$before{$_} } keys %now;
    fsck_clean($copy, 'the copy is whole');
    $copy->stop;
}

# ---- a dump --------------------------------------------------------------------------------------
sub dump_and_restore
{
    my ($node) = @_;
    my $dump = "$tmp/350_$round-$drainers.dump";
    my $writers = start_writers($node, 4);
    wait_for_events($node, 50);
    $node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('agenda') ], 'pg_dump under load');
    wait_for_events($node, 50);
    $node->safe_psql('postgres', 'create database restored');
    $node->safe_psql('restored', 'create extension pg_agenda');
    $node->safe_psql('restored', 'select agenda.pre_restore()');
    $node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'pg_restore');
    $node->safe_psql('restored', 'select agenda.post_restore()');
    ok(wait_until(sub { $node->safe_psql('restored', q{select agenda.health() #>> '{drainer,state}'}) eq 'log belongs to another cluster' }, 'the restored database to notice'),
        'what is restored does not publish');
    $node->safe_psql('restored', 'select agenda.adopt_log()');
    my $id = $node->safe_psql('restored', act_sql('writer', q{insert into agenda.tasks (title) values ('restored'); select id from agenda.events order by seq desc limit 1}));
    $of_others{$id} = 1;
    wait_until(sub { $node->safe_psql('restored', 'select lag from agenda.log_position()') eq '0' }, 'the event of the restored database');
    end_writers($node, $writers);
    wait_published($node);
    my %seen = compare($node, 'dump and restore');
    is($seen{$id}, 1, 'until it is told to, and then its own events');
    fsck_clean($node, 'what was restored is whole', 'restored');
    $node->safe_psql('postgres', 'drop database restored');
}

# ---- pg_upgrade ----------------------------------------------------------------------------------
sub upgrade
{
    my ($old) = @_;
    my $new = PostgreSQL::Test::Cluster->new("upgraded$round");

    broker_away();
    my $writers = start_writers($old, 4);
    wait_for_events($old, 100);
    end_writers($old, $writers);
    my $waiting = $old->safe_psql('agenda', 'select lag from agenda.log_position()');
    cmp_ok($waiting, '>', 100, 'events wait while the server is upgraded');
    $old->stop;
    $new->init(extra => [ '--encoding=UTF8', '--locale=C.UTF-8' ]);
    $new->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_agenda'\nagenda.kafka_brokers = '" . $broker->bootstrap . "'\nagenda.drainers = $drainers\nmax_worker_processes = 20\nautovacuum = off");
    my $bin = $new->config_data('--bindir');
    chdir $tmp;
    command_ok([ 'pg_upgrade', '-b', $bin, '-B', $bin, '-d', $old->data_dir, '-D', $new->data_dir, '-p', $old->port, '-P', $new->port, '-s', $new->host, '--no-sync', '-U', 'postgres' ],
        'pg_upgrade');
    broker_back();
    $new->start;
    ok(wait_until(sub { $new->safe_psql('agenda', q{select agenda.health() #>> '{drainer,state}'}) eq 'log belongs to another cluster' }, 'the new cluster to notice'),
        'afterwards it is another cluster');
    is($new->safe_psql('agenda', 'select agenda.adopt_log(go_on => true)'), '0', 'which takes over where the old one stood');
    $writers = start_writers($new, 4);
    wait_for_events($new, 50);
    end_writers($new, $writers);
    wait_published($new);
    compare($new, 'pg_upgrade');
    is($new->safe_psql('agenda', q{select agenda.health() ->> 'ok'}), 'true', 'and all is well');
    return $new;
}

# ---- DROP under load -----------------------------------------------------------------------------
sub drop
{
    my ($node) = @_;

    foreach my $what ('drop extension pg_agenda cascade', 'drop database agenda with (force)')
    {
        my $writers = start_writers($node, 8);
        wait_for_events($node, 50);
        # a deadlock with the writers may end it
        wait_until(sub { ($node->psql($what =~ /database/ ? 'postgres' : 'agenda', $what))[0] == 0 }, $what);
        pass($what);
        stop_process($writers);
        is($node->safe_psql('postgres', q{select count(*) from pg_stat_activity where backend_type in ('pg_agenda scanner', 'pg_agenda drainer')
            and not exists (select from pg_database d where d.datname = pg_stat_activity.datname)}), '0', 'no worker is left in what is gone');
        $node->safe_psql('postgres', 'create database agenda') if $what =~ /database/;
        $node->safe_psql('agenda', 'create extension pg_agenda');
        $node->safe_psql('agenda', act_sql('alice', q{insert into agenda.tasks (title) values ('again')}));
        ok(wait_until(sub { $node->safe_psql('agenda', 'select lag from agenda.log_position()') eq '0' }, 'the new log'), 'made anew it works');
    }
    unlike(slurp($node->logfile), qr/PANIC|TRAP|signal \d+: (?:Aborted|Segmentation)/, 'nothing crashed');
}

sub run
{
    %of_others = ();
    my $node = promotion();
    copy($node);
    resize($node);
    dump_and_restore($node);
    $node = upgrade($node);
    drop($node);
    $node->stop;
}

foreach (1 .. $ENV{AGENDA_ROUNDS} // 1)
{
    $round = "_${_}a";
    $drainers = 1;
    $broker = AgendaKafka::DevBroker->new->start(control => 1);
    run();
    stop_process($broker->pid);
  SKIP:
    {
        skip AgendaKafka->skip_reason, 1 if AgendaKafka->skip_reason;
        $round = "_${_}b";
        $drainers = 3;
        $broker = AgendaKafka->new->start;
        $broker->create_topics('all:4');
        run();
        $broker->stop;
    }
}
done_testing();
