# What the drainer sends where: routes, keys, other brokers after a reload, and an end without
# repetitions.  On the embedded broker; a real Kafka is in 310 and 320.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('routes', 'agenda.kafka_brokers' => $broker->bootstrap);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_alice { return sql(act_sql('alice', $_[0])) }
sub create { return as_alice("insert into agenda.tasks (title) values ('$_[0]') returning id") }

# The records of a topic once there is one with this key (or after the time-out).
sub records_up_to
{
    my ($topic, $key, $from) = @_;
    return ($from // $broker)->consume([ $topic ], until => sub { grep { $_->{key} eq $key } @{ $_[0] } });
}
sub all_published { return wait_until(sub { sql(q{select agenda.health() #>> '{drainer,unpublished}'}) eq '0' }, 'the log to be published') }

# --- routes --------------------------------------------------------------------------------------
sql(q{
    insert into agenda.topic_routes (event_type, topic) values ('task.created', 'second-topic');
    delete from agenda.topic_routes where event_type = 'task.updated'});
my $task = create('routed');
as_alice(q{update agenda.tasks set title = 'routed on' where title = 'routed'});
is(records_up_to('task-created', $task)->[-1]{event}{subject}, $task, 'an event goes to the topic of its type');
is(records_up_to('second-topic', $task)->[-1]{event}{subject}, $task, 'and to every other one it is routed to');
ok(all_published(), 'an event without a route is passed over');

# --- keys ----------------------------------------------------------------------------------------
my $alice = sql(q{select agenda.user_id_of('alice')});
$node->append_conf('postgresql.conf', q{agenda.event_key = 'user'});
$node->reload;
wait_until(sub { create('keyed'); all_published();
    grep { $_->{key} eq $alice } @{ $broker->consume([ 'task-created' ], until => sub { 1 }) } }, 'the new key');
my ($keyed) = grep { $_->{key} eq $alice } @{ records_up_to('task-created', $alice) };
is($keyed->{event}{partitionkey}, $alice, 'agenda.event_key = user: all records of a user have one key');
$node->append_conf('postgresql.conf', q{agenda.event_key = 'task'});
$node->reload;

# --- databases that aren't UTF-8 -----------------------------------------------------------------
foreach my $encoding (qw(LATIN1 SQL_ASCII))
{
    $node->safe_psql('postgres', "create database \L$encoding\E encoding '$encoding' locale 'C' template template0");
    $node->safe_psql(lc $encoding, 'create extension pg_agenda');
}
$task = $node->safe_psql('latin1', q{set client_encoding = 'UTF8'; } .
    act_sql('alice', qq{insert into agenda.tasks (title) values ('caf\xc3\xa9') returning id}));
my ($latin) = grep { $_->{key} eq $task } @{ records_up_to('task-created', $task) };
is($latin->{event}{data}{after}{title}, "caf\x{e9}", 'events of a LATIN1 database go out as UTF-8');
$node->safe_psql('sql_ascii', act_sql('alice', qq{insert into agenda.tasks (title) values ('caf\xe9 au lait')}));
$task = $node->safe_psql('sql_ascii', act_sql('alice', q{insert into agenda.tasks (title) values ('tea') returning id}));
records_up_to('task-created', $task);
like($node->safe_psql('sql_ascii', 'select reason from agenda.dead_letters'), qr/invalid byte sequence for encoding "UTF8"/,
    'what is not text in any encoding is set aside, and does not hold up the rest');

# --- a quiet end repeats nothing -----------------------------------------------------------------
# quiet: the last position is stored, which is done every 10 ms; an end in the middle of that may repeat
my @made = map { create("restart $_") } 1 .. 30;
all_published();
$node->restart;
push @made, create('after the restart');
my %seen;
$seen{ $_->{event}{subject} }++ foreach @{ records_up_to('task-created', $made[-1]) };
is_deeply([ map { $seen{$_} } @made ], [ map { 1 } @made ], 'after a restart of the server nothing is missing and nothing there twice');

# --- other brokers -------------------------------------------------------------------------------
all_published();
my $other = AgendaKafka::DevBroker->new->start;
$node->append_conf('postgresql.conf', "agenda.kafka_brokers = '" . $other->bootstrap . "'");
$node->reload;
wait_until(sub { create('moved'); all_published();
    grep { $_->{event}{data}{after}{title} eq 'moved' } @{ $other->consume([ 'task-created' ], until => sub { 1 }) } }, 'records on the other broker');
pass('after a reload events go to the other brokers');

$node->stop;
done_testing();
