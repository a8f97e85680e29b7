# The drainer and the Kafka publisher under faults that a broker is told to make: away at the
# start and later, errors that pass, a producer that has lost its place, a batch that is refused
# for the sake of one record, a record that is refused for good; and the properties file.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $properties = "$PostgreSQL::Test::Utils::tmp_check/300_kafka.properties";
# One request at a time: the development broker does not check sequence numbers, so it takes the
# second of two although it was told to fail the first, and the client counts that as both.
append_to_file($properties, <<'CONF');
# a comment
message.max.bytes = 3000
sasl.password = hunter1
no.such.property = hunter2
linger.ms = hunter3
acks = 1
hunter4
max.in.flight.requests.per.connection = 1
sasl.password: hunter5AA==
delivery.report.only.error = true
partitioner = random
CONF

my $broker = AgendaKafka::DevBroker->new->start;
$broker->command('down 1');
my $node = agenda_node('faults',
    'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.kafka_config_file' => $properties);

sub sql { return $node->safe_psql('agenda', act_sql('bob', $_[0])) }

# Makes tasks in one transaction each and returns their ids in order.
sub make_tasks
{
    my ($n, $title) = @_;
    return map { sql("insert into agenda.tasks (title) values ('$title $_') returning id") } 1 .. $n;
}

my @made;

# After the fault: everything made so far is in Kafka.
sub everything_arrives
{
    my ($what) = @_;
    my %arrived;
    my $records = $broker->consume([ 'task-created' ],
        until => sub {
            %arrived = map { $_->{key} => 1 } @{ $_[0] };
            return !grep { !$arrived{$_} } @made;
        });
    is(scalar(grep { !$arrived{$_} } @made), 0, $what);
    return $records;
}

# ---- a broker that is not there --------------------------------------------------------------
push @made, make_tasks(20, 'without a broker');
is(scalar @{ $broker->consume([ 'task-created' ], count => 1, timeout => 0) },
    0, 'nothing is published while the broker is away');
$broker->command('up 1');
my $records = everything_arrives('everything is, once it is there');
is(scalar @$records, @made, 'each once');

$broker->command('down 1');
push @made, make_tasks(20, 'broker away');
$broker->command('up 1');
everything_arrives('an outage later on');

# ---- errors that pass ------------------------------------------------------------------------
# NOT_LEADER_FOR_PARTITION, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS, a dropped connection
foreach my $code (6, 7, 19, -195)
{
    $broker->command("error 0 $code 2");
    push @made, make_tasks(10, "error $code");
    everything_arrives("produce requests that fail with $code");
}

# ---- a producer that cannot go on ------------------------------------------------------------
# OUT_OF_ORDER_SEQUENCE_NUMBER
my $offset = -s $node->logfile;
$broker->command('error 0 45 1');
push @made, make_tasks(10, 'fatal');
everything_arrives('a fatal error of the producer');
ok($node->log_contains('Kafka producer has to be made anew', $offset), 'which is logged');

# ---- refusal ---------------------------------------------------------------------------------
# MSG_SIZE_TOO_LARGE for a batch in which nothing is wrong
$broker->command('error 0 10 1');
push @made, make_tasks(10, 'in one batch');
everything_arrives('a batch that is refused is sent again singly');
is($node->safe_psql('agenda', 'select count(*) from agenda.dead_letters'),
    0, 'nothing of it is set aside');

# a request of the first records of a key is refused, later ones are acknowledged: the key's last record
# must be its last change all the same
my $busy = sql("insert into agenda.tasks (title) values ('busy') returning id");
push @made, $busy;
everything_arrives('a task');
$broker->command('error 0 10 1');
sql("do \$\$ begin for i in 1 .. 20 loop update agenda.tasks set title = 'busy ' || i where id = '$busy'; end loop; end \$\$");
my @titles;
$broker->consume([ 'task-updated' ],
    until => sub {
        @titles = map { $_->{event}{data}{after}{title} } grep { $_->{key} eq $busy } @{ $_[0] };
        my %seen = map { $_ => 1 } @titles;
        return keys %seen == 20 && $titles[-1] eq 'busy 20';
    },
    timeout => 20);
is($titles[-1], 'busy 20', 'what follows a refused record is sent again behind it');

my $large = sql("insert into agenda.tasks (title, description) values ('large', repeat('x', 10000)) returning id");
push @made, make_tasks(5, 'after the large one');
everything_arrives('an event that is too large does not hold up the others');
is( $node->safe_psql('agenda', 'select key, topic, reason from agenda.dead_letters'),
    "$large|task-created|Broker: Message size too large",
    'and is set aside with the reason');

# ---- the properties file ---------------------------------------------------------------------
my $log = slurp($node->logfile);
like($log, qr/ignoring property "no.such.property" in line 4 of/, 'unknown property');
like($log, qr/ignoring property "linger.ms" in line 5 of/, 'impossible value');
like($log, qr/ignoring property "acks" in line 6 of/, 'property that nobody may change');
like($log, qr/ignoring line 7 of/, 'line without a property');
like($log, qr/ignoring line 9 of/, 'a colon is no "=": the name would be a value');
like($log, qr/ignoring property "delivery.report.only.error" in line 10 of/, 'without reports nothing would be delivered');
like($log, qr/ignoring property "partitioner" in line 11 of/, 'at random, keys would lose their order');
unlike($log, qr/hunter/, 'no value of the file is in the server log');

rename $properties, "$properties.away" or die "rename: $!\n";
$node->restart;
push @made, make_tasks(3, 'without the file');
wait_until(
    sub { slurp($node->logfile) =~ /events are not published: could not read Kafka config/ },
    'a complaint about the missing file');
rename "$properties.away", $properties or die "rename: $!\n";
$node->reload;
everything_arrives('a configuration file that comes late is read at the next reload');

$node->stop;
done_testing();
