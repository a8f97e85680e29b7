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
my $node = agenda_node('routes', max_prepared_transactions => 10, 'agenda.kafka_brokers' => $broker->bootstrap);

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

# --- a route counts from its commit on -----------------------------------------------------------
# The drainer keeps routes in memory.  Each step is another way to change them behind its back.
sub route { return "insert into agenda.topic_routes (event_type, topic) values ('task.created', '$_[0]')" }
sub gone { return "delete from agenda.topic_routes where topic = '$_[0]'" }
sub arrives { my ($topic, $key, $what) = @_; return ok((grep { $_->{key} eq $key } @{ records_up_to($topic, $key) }), $what) }

my %key_of;
for my $i (1 .. 20)
{
    $key_of{"own-$i"} = sql(route("own-$i") . '; ' . act_sql('alice', "insert into agenda.tasks (title) values ('own $i') returning id"));
    all_published();
    sql(gone("own-$i"));
}
my @missed = grep { my $topic = $_; not grep { $_->{key} eq $key_of{$topic} } $broker->read_topic($topic) } sort keys %key_of;
is("@missed", '', 'a route is used by the next event');
$task = sql('begin; ' . route('with-event') . q{; select agenda.act_as(agenda.user_id_of('alice')) \g /dev/null
    insert into agenda.tasks (title) values ('with its route') returning id; commit});
arrives('with-event', $task, 'and by one of its own transaction');

my $session = $node->background_psql('agenda');
$session->query_safe('begin; ' . route('open') . '; ' . gone('with-event'));
$task = create('while routes are open');
arrives('with-event', $task, 'a route whose deletion is not committed is used');
$session->query_safe('commit');
$session->quit;
$task = create('after routes were open');
arrives('open', $task, 'a route that was not committed when the routes were last read is, after its commit');

sql('begin; ' . route('prepared') . '; ' . gone('open') . q{; prepare transaction 'routes'});
$task = create('while routes are prepared');
arrives('open', $task, 'nothing of a prepared transaction counts');
sql(q{commit prepared 'routes'});
$task = create('after routes were prepared');
arrives('prepared', $task, 'before it is committed');

sql('begin; ' . route('rolled-back') . '; ' . gone('prepared') . '; rollback');
sql('vacuum full agenda.topic_routes');
sql(q{insert into agenda.topics (topic, mode) values ('prepared', 'raw')});
$task = create('raw');
is((grep { $_->{key} eq $task } @{ records_up_to('prepared', $task) })[0]{event}{specversion}, undef, 'the form of a topic counts likewise');
sql(q{update agenda.topics set mode = 'structured' where topic = 'prepared'});
$task = create('structured again');
is((grep { $_->{key} eq $task } @{ records_up_to('prepared', $task) })[0]{event}{specversion}, '1.0', 'also where nothing else has changed');
sql(gone('prepared'));
my $last = create('after the last change');
all_published();
is_deeply([ map { scalar grep { $_->{key} eq $last } @{ $broker->consume([$_], until => sub { 1 }) } } qw(with-event open prepared) ], [ 0, 0, 0 ],
    'and what was deleted is gone');

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

# an end with records on their way: their reports come in time, and are stored
$broker->command('rtt 1 100');
@made = ();
wait_until(sub { push @made, create('on its way ' . @made); sql(q{select value from agenda.metrics() where name = 'agenda_drainer_records_in_flight'}) > 0 },
    'a record on its way');
$node->restart;
$broker->command('rtt 1 0');
push @made, create('after the end');
%seen = ();
$seen{ $_->{event}{subject} }++ foreach @{ records_up_to('task-created', $made[-1]) };
is_deeply([ map { $seen{$_} } @made ], [ map { 1 } @made ], 'who ends takes the reports of what is on its way, and nothing of it comes twice');

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
