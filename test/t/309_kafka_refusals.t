# What a real Kafka refuses for good while events keep coming: a topic that is not there, one that may not be
# written, one that is deleted in the midst of it.  Others go on meanwhile; when the broker has been mended and the
# letters are sent again, everything is there, each key in its order.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;

# ---- a broker that knows who may do what ---------------------------------------------------------
my $port = free_port();
my $kafka = AgendaKafka->new(
    extra_listener => "SASL_PLAINTEXT://127.0.0.1:$port",
    'listener.security.protocol.map' => 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'inter.broker.listener.name' => 'PLAINTEXT',
    'sasl.enabled.mechanisms' => 'PLAIN',
    'listener.name.sasl_plaintext.plain.sasl.jaas.config' =>
      'org.apache.kafka.common.security.plain.PlainLoginModule required user_agenda="secret";',
    'authorizer.class.name' => 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users' => 'User:ANONYMOUS',
    'allow.everyone.if.no.acl.found' => 'true',
    'auto.create.topics.enable' => 'false')->start;
$kafka->create_topics('open:3', 'forbidden:2', 'deleted:2');
my $properties = "$PostgreSQL::Test::Utils::tmp_check/309_kafka.properties";
append_to_file($properties, <<'CONF');
security.protocol = sasl_plaintext
sasl.mechanism = PLAIN
sasl.username = agenda
sasl.password = secret
topic.metadata.refresh.interval.ms = 500
topic.metadata.propagation.max.ms = 2000
CONF
my $node = agenda_node('refusals',
    'agenda.kafka_brokers' => "127.0.0.1:$port",
    'agenda.kafka_config_file' => $properties,
    'agenda.drainer_window' => 50,
    'max_connections' => 30);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub letters { my ($topic) = @_; return sql("select count(*) from agenda.dead_letters where topic = '$topic'") }
sub wait_for_letters { my ($topic, $n) = @_; return wait_until(sub { letters($topic) >= $n }, "letters of $topic") }

sql(q{
    insert into agenda.topic_routes select 'shop.' || t, t from unnest('{open,forbidden,deleted,unknown}'::text[]) t;
    insert into agenda.topics (topic, on_refused) select t, 'block_key' from unnest('{forbidden,deleted,unknown}'::text[]) t});

# ---- writers: each has keys of its own, and an event for every topic ------------------------------
my $script = "$PostgreSQL::Test::Utils::tmp_check/309_writer.sql";
append_to_file($script, <<'SQL');
\set k random(1, 5)
begin;
select agenda.emit('shop.' || t, 'x', '{}', 'c' || :client_id || '-' || :k) from unnest('{open,forbidden,deleted,unknown}'::text[]) t;
commit;
SQL
my $writers = spawn('writers', [ 'pgbench', '-n', '-c', 4, '-R', 30, '-T', 600, '-f', $script, 'agenda' ],
    PGHOST => $node->host, PGPORT => $node->port, PGAPPNAME => 'writers');

sub wait_for_open
{
    my ($what) = @_;
    my $before = $kafka->count_records('open');
    return wait_until(sub { $kafka->count_records('open') > $before + 50 }, "records $what");
}

sub reasons { my ($topic) = @_; return sql("select string_agg(distinct reason, '; ') from agenda.dead_letters where topic = '$topic' and reason not like 'waits %'") }

# All that was refused is asked for, again and again until nothing of the topic waits any more.
sub mended
{
    my ($topic) = @_;
    return wait_until(sub { sql(qq{select agenda.redrive_dead_letters('{"topic": "$topic"}')}); letters($topic) == 0 }, "the letters of $topic to go");
}

# ---- a topic that is not there -----------------------------------------------------------------------
wait_for_letters('unknown', 20);
wait_for_open('beside a topic that is not there');
like(reasons('unknown'), qr/^(?:Local: Unknown topic|Broker: Unknown topic or partition)$/, 'records of a topic that is not there are set aside');
$kafka->create_topics('unknown:2');
mended('unknown');
pass('once it is there they arrive');

# ---- one that may not be written ---------------------------------------------------------------------
wait_until(sub { $kafka->count_records('forbidden') > 20 }, 'records of a topic that is permitted');
is(letters('forbidden'), 0, 'what is permitted is written');
$kafka->admin('deny', 'forbidden', 'User:agenda');
wait_for_letters('forbidden', 20);
wait_for_open('beside a topic that is forbidden');
is(reasons('forbidden'), 'Broker: Topic authorization failed', 'what is forbidden is set aside');
$kafka->admin('permit', 'forbidden');
mended('forbidden');
pass('once it is permitted again it arrives');

# ---- one that is deleted ------------------------------------------------------------------------------
wait_until(sub { $kafka->count_records('deleted') > 20 }, 'records of a topic');
$kafka->admin('delete', 'deleted');
wait_for_letters('deleted', 20);
wait_for_open('beside a topic that was deleted');
$kafka->create_topics('deleted:2');
mended('deleted');
pass('a topic that is made anew is written again');

# ---- the books ------------------------------------------------------------------------------------------
stop_process($writers);
$node->poll_query_until('agenda', "select count(*) = 0 from pg_stat_activity where application_name = 'writers'");
wait_until(sub { sql('select lag from agenda.log_position()') eq '0' }, 'the log to be published');
mended($_) foreach qw(unknown forbidden deleted);

foreach my $topic (qw(open forbidden unknown deleted))
{
    my %event = map { my ($id, $seq, $key) = split /\|/; ($id => { seq => $seq, key => $key }) }
      split /\n/, sql("select id, seq, key from agenda.events where type = 'shop.$topic'");
    my (%times, %first, %last, @reordered);
    my $records = $kafka->read_headers($topic);
    foreach my $record (@$records)
    {
        my ($id, $seq, $key) = (@{ $record->{headers} }{qw(ce_id ce_sequence)}, $record->{key});
        next if $times{$id}++;
        push @reordered, "$key: $seq after $last{$key}" if ($last{$key} // 0) > $seq;
        $last{$key} = $seq;
        $first{$key} //= $seq;
    }
    # what a topic acknowledged before it was deleted is gone: of each key the beginning
    my @lost = grep { !$times{$_} && ($topic ne 'deleted' || $event{$_}{seq} > ($first{ $event{$_}{key} } // 0)) } keys %event;
    note(sprintf '%s: %d events, %d of them in %d records', $topic, scalar keys %event, scalar keys %times, scalar @$records);
    is_deeply([ \@lost, \@reordered, [ grep { !$event{$_} } keys %times ] ], [ [], [], [] ], "$topic: nothing lost, out of order or made up");
}
unlike(slurp($node->logfile), qr/PANIC|TRAP|unexpected report|terminated by signal/, 'nothing went wrong');

$node->stop;
done_testing();
