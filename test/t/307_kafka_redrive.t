# Dead letters that are asked for while others are on their way: no request is lost, nothing of a key overtakes
# what was before it.  Each case is brought about by a broker that is away or a lock that is held.  On the embedded broker.
use strict;
use warnings;

use AgendaKafka;
use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

my $properties = "$PostgreSQL::Test::Utils::tmp_check/307_kafka.properties";
append_to_file($properties, "message.max.bytes = 300000\nmax.in.flight.requests.per.connection = 1\n");
my $broker = AgendaKafka::DevBroker->new->start;
my $node = agenda_node('redrive',
    'agenda.kafka_brokers' => $broker->bootstrap,
    'agenda.kafka_config_file' => $properties,
    'agenda.drainer_window' => 2,
    'agenda.drainer_memory' => '1MB',
    'max_prepared_transactions' => 2);

sub sql { return $node->safe_psql('agenda', $_[0]) }
sub figure { return sql("select value from agenda.metrics() where name = 'agenda_$_[0]'") }
sub letters { return sql(q{select coalesce(string_agg(key || ' ' || (data->>'n'), ',' order by seq), '') from agenda.dead_letters}) }
sub redrive { my ($key) = @_; return sql(qq{select agenda.redrive_dead_letters('{"key": "$key"}')}) }
sub wait_for_letters { my ($wanted, $what) = @_; return wait_until(sub { letters() eq $wanted }, $what) }

# A letter as the drainer writes it, of a topic that skips or blocks, so many bytes long.
my $seq = 1_000_000;
sub letter
{
    my ($topic, $key, $n, $size) = @_;
    $size //= 1;
    $seq++;
    return sql(qq{
        insert into agenda.dead_letters (seq, event_id, type, subject, key, occurred_at, headers, data, topic, reason, attempts)
        values ($seq, agenda.uuid7(), 'shop.letter', '$key', '$key', now() - interval '1 day', '{}', jsonb_build_object('n', $n, 'x', repeat('x', $size)), '$topic', 'test', 1)});
}

# What has arrived of a key, in its order.
sub numbers { my ($topic, $key) = @_; return join ',', map { $_->{event}{data}{n} } grep { $_->{key} eq $key } @{ $broker->consume([ $topic ], until => sub { 1 }) } }

sql(q{
    insert into agenda.topic_routes values ('shop.block', 'block');
    insert into agenda.topics (topic, on_refused) values ('block', 'block_key')});

# ---- a letter is refused that has been asked for once more ---------------------------------------
letter('skip', 'a', 1);
$broker->command('down 1');
# refused in company, and alone
$broker->command('error 0 10 2');
redrive('a');
wait_until(sub { figure('drainer_records_in_flight') eq '1' }, 'the letter to be on its way');
my $first = sql('select redrive_at from agenda.dead_letters');
redrive('a');
isnt(sql('select redrive_at from agenda.dead_letters'), $first, 'there is a second request');
$broker->command('up 1');
ok(wait_for_letters('', 'the letter to go'), 'a request that is made while the letter of another one is refused counts');
is(numbers('skip', 'a'), '1', 'it arrives');

# without it the letter stays
letter('skip', 'a', 2);
$broker->command('error 0 10 2');
redrive('a');
wait_until(sub { sql('select attempts from agenda.dead_letters') eq '3' }, 'the refusal');
is(sql('select redrive_at is null from agenda.dead_letters'), 't', 'with one request it stays where it was');
sql('delete from agenda.dead_letters');

# ---- a blocked key is asked for when the first letters of a round are on their way ----------------
# more than the windows may hold, so that the letters of the key are read after the broker is back
letter('skip', "filler $_", $_, 100_000) foreach 1 .. 10;
letter('block', 'k', $_) foreach 1 .. 5;
$broker->command('down 1');
# a drainer that begins knows that the key is blocked
sql(q{update agenda.dead_letters set redrive_at = now() where topic = 'skip'});
sql(q{select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'pg_agenda drainer'});
wait_until(sub { figure('drainer_blocked_keys') eq '1' && figure('drainer_window_bytes') > 500_000 }, 'the drainer to have read what it may');
redrive('k');
$broker->command('up 1');
ok(wait_for_letters('', 'the letters of the key to go'), 'a key that is asked for while a round runs is sent');
is(numbers('block', 'k'), '1,2,3,4,5', 'in its order');
is(figure('drainer_blocked_keys'), 0, 'and is free');

# ---- a key is asked for while one more record of it is set aside -----------------------------------
letter('block', 'm', $_) foreach 1 .. 2;
sql(q{select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'pg_agenda drainer'});
wait_until(sub { figure('drainer_blocked_keys') eq '1' }, 'the drainer to know that the key is blocked');
my $holder = $node->background_psql('agenda');
$holder->query_safe(q{begin;
    insert into agenda.dead_letters (seq, event_id, type, subject, key, occurred_at, headers, data, topic, reason, attempts)
    select i, agenda.uuid7(), 'shop.block', 'm', 'none', now(), '{}', '{}', 'block', 'test', 1
      from agenda.events_seq s, generate_series(s.last_value, s.last_value + 5) i});
sql(q{select agenda.emit('shop.block', 'm', '{"n": 3}', 'm')});
wait_until(sub { sql(q{select count(*) from pg_stat_activity where backend_type = 'pg_agenda drainer' and wait_event_type = 'Lock'}) eq '1' },
    'the drainer to wait with its letter');
redrive('m');
$holder->query_safe('rollback');
$holder->quit;
ok(wait_for_letters('', 'the letters to go'), 'a request counts for the letter that is being written meanwhile');
# the numbers of the letters above are higher than that of the event
is(join(',', sort split /,/, numbers('block', 'm')), '1,2,3', 'all of them arrive');

# ---- letters that are large ------------------------------------------------------------------------
$node->append_conf('postgresql.conf', 'agenda.drainer_window = 5000');
$node->reload;
letter('skip', "large $_", $_, 100_000) foreach 1 .. 40;
$broker->command('down 1');
redrive("large $_") foreach 1 .. 40;
wait_until(sub { figure('drainer_window_bytes') > 500_000 }, 'the drainer to have read what it may');
cmp_ok(figure('drainer_window_bytes'), '<', 1_000_000, 'letters take no more memory than agenda.drainer_memory permits');
$broker->command('up 1');
ok(wait_for_letters('', 'the large letters to go'), 'and all of them arrive');

# ---- a repetition that is refused -------------------------------------------------------------------
sql(q{insert into agenda.topic_routes values ('shop.again', 'again'); select agenda.emit('shop.again', 'r', '{"n": 1}', 'r')});
$broker->consume([ 'again' ], count => 1);
$broker->command('error 0 10 2');
sql(q{set role agenda_service; select agenda.replay(now() - interval '1 hour', now(), '{shop.again}')});
wait_for_letters('r 1', 'the refusal');
redrive('r');
is_deeply([ map { $_->{event}{replayed} ? 'replayed' : 'first' } @{ $broker->consume([ 'again' ], count => 2) } ], [ 'first', 'replayed' ], 'is still one when it is sent again');
wait_for_letters('', 'the letter to go');

# ---- letters that cannot be written -----------------------------------------------------------------
sql(q{alter table agenda.dead_letters add constraint t_full check (false) not valid});
$broker->command('error 0 10 2');
sql(q{select agenda.emit('shop.again', 'u', '{"n": 1}', 'u')});
ok(wait_until(sub { sql(q{select agenda.health()->>'problems'}) =~ /the drainer is retrying after an error: .*t_full/ }, 'the problem'), 'health() says so');
sql(q{alter table agenda.dead_letters drop constraint t_full});
ok(wait_for_letters('u 1', 'the letter to be written'), 'they are written when they can be');
is(sql(q{select agenda.health()->>'problems'}), '[]', 'and all is well');

cmp_ok(figure('publish_seconds_sum'), '<', 3600, 'the age of what is sent again is nobody\'s delay');

# ---- a transaction that is prepared ------------------------------------------------------------------
my (undef, undef, $error) = $node->psql('agenda', q{begin; select agenda.redrive_dead_letters(); prepare transaction 'p'});
like($error, qr/cannot PREPARE a transaction that has asked for dead letters/, 'a request cannot be prepared');

unlike(slurp($node->logfile), qr/PANIC|TRAP|unexpected report/, 'nothing went wrong');
$node->stop;
done_testing();
