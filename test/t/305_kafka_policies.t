# Forms of records, and what becomes of records that are refused: skip, block_key, halt, the topic of
# dead letters, and sending them again in order.  On the embedded broker, which refuses what it is told to;
# "too large" is refused by the client, whose limit is set low.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use JSON::PP ();
use PostgreSQL::Test::Utils;
use Test::More;

my $properties = "$PostgreSQL::Test::Utils::tmp_check/305_kafka.properties";
append_to_file($properties, "message.max.bytes = 3000\n");
my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('policies',
    'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.kafka_config_file' => $properties,
    'agenda.dead_letter_topic' => 'graveyard',
    'agenda.drainer_window' => 20);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub as_bob { return sql(act_sql('bob', $_[0])) }
sub figure { return sql("select value from agenda.metrics() where name = 'agenda_$_[0]'") }
sub until_value { my ($query, $value, $what) = @_; return wait_until(sub { sql($query) eq $value }, $what) }
sub letters { return sql('select count(*) from agenda.dead_letters') }

# Emits events of a type for a key: the text of each is its data.
sub emit_for
{
    my ($type, $key, @texts) = @_;
    as_bob(join ';', map { "select agenda.emit('$type', '$key', jsonb_build_object('n', $_), '$key')" } @texts);
}

# The numbers that arrived for a key, in order; repetitions count once.
sub numbers
{
    my ($records, $key) = @_;
    my %seen;
    return grep { !$seen{$_}++ } map { $_->{event}{data}{n} } grep { $_->{key} eq $key } @$records;
}

# All records of the topic, once those of the key end with this number.
sub arrives
{
    my ($topic, $key, $last) = @_;
    return $broker->consume([ $topic ], until => sub { my @n = numbers($_[0], $key); @n && $n[-1] eq $last });
}
my $large = "repeat('x', 5000)";

# ---- forms -----------------------------------------------------------------------------------
sql(<<'SQL');
insert into agenda.topic_routes values ('shop.form', 'f-structured'), ('shop.form', 'f-binary'), ('shop.form', 'f-raw'), ('shop.form', 'f-debezium');
insert into agenda.topics (topic, mode) values ('f-binary', 'binary'), ('f-raw', 'raw'), ('f-debezium', 'debezium');
SQL
my $id = as_bob(q{select agenda.emit('shop.form', 'order 1', '{"a": 1}', 'k-1', '{"x-shop": "north", "X-Odd": "caf\u00e9"}')});
my %form;
foreach my $mode (qw(structured binary raw debezium))
{
    ($form{$mode}) = @{ $broker->consume([ "f-$mode" ], count => 1) };
    is($form{$mode}{key}, 'k-1', "$mode: the key");
    is($form{$mode}{headers}{'x-shop'}, 'north', "$mode: a header of the event's own");
    is($form{$mode}{headers}{'X-Odd'}, 'caf%C3%A9', "$mode: encoded where it is not ASCII");
}
is($form{structured}{event}{id}, $id, 'structured: the value is the event');
is($form{structured}{headers}{'content-type'}, 'application/cloudevents+json; charset=UTF-8', 'its content type');
is_deeply($form{$_}{event}, { a => 1 }, "$_: the value is the data") foreach qw(binary raw debezium);
is($form{binary}{headers}{ce_id}, $id, 'binary: attributes are headers');
is($form{binary}{headers}{ce_type}, 'shop.form', 'binary: the type, too');
is($form{binary}{headers}{'content-type'}, 'application/json', 'binary: the content type is that of the data');
is((grep { /^ce_/ } keys %{ $form{raw}{headers} }), 0, 'raw: no attributes');
is_deeply([ @{ $form{debezium}{headers} }{qw(id eventType)} ], [ $id, 'shop.form' ], 'debezium: id and type are headers');
is((grep { /^ce_|content/ } keys %{ $form{debezium}{headers} }), 0, 'debezium: no others');

sql(q{select agenda.use_topic_profile('debezium')});
my $task = as_bob(q{insert into agenda.tasks (title) values ('outbox') returning id});
my ($outbox) = @{ $broker->consume([ 'outbox.event.task' ], count => 1) };
is($outbox->{key}, $task, 'profile debezium: keyed by the task');
is($outbox->{event}{after}{title}, 'outbox', 'profile debezium: the payload');

# ---- skip, and the topic of dead letters -------------------------------------------------------
sql(q{insert into agenda.topic_routes select 'shop.' || p, 't-' || p from unnest('{skip,block,halt}'::text[]) p;
      insert into agenda.topics (topic, on_refused) values ('t-block', 'block_key'), ('t-halt', 'halt')});
emit_for('shop.skip', 's', 1, $large, 3);
is_deeply([ numbers(arrives('t-skip', 's', 3), 's') ], [ 1, 3 ], 'skip: the others go on');
is(sql('select topic, key, attempts, reason from agenda.dead_letters'), 't-skip|s|1|Broker: Message size too large', 'the refused one is set aside');
is($broker->consume([ 'graveyard' ], count => 1, timeout => 1)->[0], undef, 'and is too large for the topic of dead letters, too');
like(slurp($node->logfile), qr/could not be copied to topic "graveyard"/, 'which is logged');
is(figure('dead_letters'), 1, 'and counted');

# a batch is refused by the broker and then each record of it once more
sql('delete from agenda.dead_letters');
$broker->command('error 0 10 2');
emit_for('shop.skip', 'g', 1);
my ($copy) = @{ $broker->consume([ 'graveyard' ], count => 1) };
is($copy->{event}{data}{n}, 1, 'a copy of what the broker refuses goes to the topic of dead letters');
is_deeply([ map { $copy->{headers}{"x-agenda-$_"} } qw(topic attempts reason) ], [ 't-skip', 2, 'Broker: Message size too large' ], 'with what happened');
is(sql('select agenda.redrive_dead_letters()'), 1, 'dead letters are sent again');
arrives('t-skip', 'g', 1);
until_value('select count(*) from agenda.dead_letters', 0, 'the letter to be gone');
my ($again) = grep { $_->{key} eq 'g' } @{ $broker->consume([ 't-skip' ], until => sub { 1 }) };
is($again->{event}{id}, $copy->{event}{id}, 'with the same id');

# ---- block_key ---------------------------------------------------------------------------------
emit_for('shop.block', 'b', 1, $large, 3);
emit_for('shop.block', 'b', 4);
emit_for('shop.block', 'other', 1);
is_deeply([ numbers(arrives('t-block', 'other', 1), 'other') ], [1], 'block_key: other keys go on');
until_value(q{select count(*) from agenda.dead_letters where key = 'b'}, 3, 'the key to be held');
is_deeply([ numbers($broker->consume([ 't-block' ], until => sub { 1 }), 'b') ], [1], 'nothing later of the key was sent');
is(sql(q{select string_agg(attempts::text, ',' order by seq) from agenda.dead_letters}), '1,0,0', 'what waits has not been sent');
is(figure('drainer_blocked_keys'), 1, 'the key is counted');

# still refused: it is set aside again, and the others with it
is(sql(q{select agenda.redrive_dead_letters('{"key": "b", "topic": "t-block"}')}), 3, 'all letters of the key are asked for');
until_value('select max(attempts) from agenda.dead_letters', 2, 'another attempt');
until_value('select count(*) from agenda.dead_letters where redrive_at is null', 3, 'all of them to be set aside again');
is_deeply([ numbers($broker->consume([ 't-block' ], until => sub { 1 }), 'b') ], [1], 'none has overtaken it');

# the drainer remembers what is blocked
$node->restart;
emit_for('shop.block', 'b', 5);
until_value('select count(*) from agenda.dead_letters', 4, 'a later record to be held after a restart');

# the limit is raised: the key is released, in order, before anything new of it
unlink $properties;
append_to_file($properties, "message.max.bytes = 100000\n");
$node->restart;
is(sql(q{select agenda.redrive_dead_letters('{"type": "shop.block"}')}), 4, 'sent again');
emit_for('shop.block', 'b', 6);
my @of_b = numbers(arrives('t-block', 'b', 6), 'b');
is_deeply([ map { length > 100 ? 'large' : $_ } @of_b ], [ 1, 'large', 3, 4, 5, 6 ], 'the records of the key come in their order');
until_value('select count(*) from agenda.dead_letters', 0, 'no letters');
until_value(q{select value from agenda.metrics() where name = 'agenda_drainer_blocked_keys'}, 0, 'the key to be free');
pass('the key is free');

# ---- a blocked key whose letters are given up, or whose topic has another policy ---------------------
# and what is too large for the client
my $too_large = "repeat('y', 200000)";
emit_for('shop.block', $_, $too_large, 1) foreach qw(given-up skipped);
until_value('select count(*) from agenda.dead_letters', 4, 'two keys to be held');
sql(q{delete from agenda.dead_letters where key = 'given-up'});
emit_for('shop.block', 'given-up', 2, 3);
is_deeply([ numbers(arrives('t-block', 'given-up', 3), 'given-up') ], [ 2, 3 ], 'a key whose letters were deleted is free');
emit_for('shop.block', 'given-up', 4, $too_large, 5);
until_value(q{select count(*) from agenda.dead_letters where key = 'given-up'}, 2, 'until it is held again');
emit_for('shop.block', 'skipped', 2);
until_value(q{select count(*) from agenda.dead_letters where key = 'skipped'}, 3, 'another key to be held');
sql(q{update agenda.topics set on_refused = 'skip' where topic = 't-block'});
emit_for('shop.block', 'skipped', 3, $too_large, 4);
is_deeply([ numbers(arrives('t-block', 'skipped', 4), 'skipped') ], [ 3, 4 ], 'when its topic skips, its later records go on');
sql('delete from agenda.dead_letters');

# ---- halt ---------------------------------------------------------------------------------------
my $offset = -s $node->logfile;
emit_for('shop.halt', 'h', 1, "repeat('y', 200000)", 3);
until_value(q{select value from agenda.metrics() where name = 'agenda_drainer_halted'}, 1, 'the halt');
like(sql(q{select agenda.health()->>'problems'}), qr/the drainer is halted by a refused record: .*too large/, 'halt: health() says so');
ok($node->log_contains('publishing has halted: topic "t-halt" refuses', $offset), 'and the log');
emit_for('shop.skip', 'h', 9);
is((grep { $_->{key} eq 'h' } @{ $broker->consume([ 't-skip' ], until => sub { 1 }) }), 0, 'nothing else is published');
is(letters(), 0, 'and nothing set aside');
sql(q{update agenda.topics set on_refused = 'skip' where topic = 't-halt'});
is_deeply([ numbers(arrives('t-skip', 'h', 9), 'h') ], [9], 'when its topic skips all goes on');
is_deeply([ grep { length == 1 } numbers(arrives('t-halt', 'h', 3), 'h') ], [ 1, 3 ], 'in its order');
is(letters(), 1, 'and the record is set aside');

# ---- filters -------------------------------------------------------------------------------------
is(sql(q{select agenda.redrive_dead_letters('{"topic": "no-such-topic"}')}), 0, 'a filter');
like(($node->psql('agenda', q{select agenda.redrive_dead_letters('{"nonsense": 1}')}))[2], qr/filter of dead letters is not known/, 'a member that is unknown is refused');

$node->stop;
done_testing();
