# Launcher and workers: who runs where, and what starts and stops them.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use AgendaTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $node = agenda_node('main', max_worker_processes => 20, wal_level => 'replica', max_wal_senders => 4,
    allow_in_place_tablespaces => 'on');

sub sql { return $node->safe_psql($_[1] // 'postgres', $_[0]) }

# "scanner drainer" of a database, as far as they run
sub workers
{
    my ($database) = @_;
    return sql(qq{
        select string_agg(split_part(backend_type, ' ', 2), ' ' order by backend_type desc)
        from pg_stat_activity where datname = '$database' and backend_type like 'pg_agenda %'});
}

sub have_workers
{
    my ($database, $what) = @_;
    return ok(wait_until(sub { workers($database) eq 'scanner drainer' }, "workers of $database"), $what);
}

sub pid_of
{
    my ($name) = @_;
    return sql("select pid from pg_stat_activity where application_name = '$name'");
}

sub starts_of
{
    my ($database, $worker) = @_;
    return sql("select value from agenda._worker_metrics()
        where name = 'agenda_worker_starts_total' and labels ->> 'worker' = '$worker'", $database);
}

sub health { return $node->safe_psql($_[0], "select agenda.health() $_[1]") }

# --- names and health ----------------------------------------------------------------------------
have_workers('agenda', 'CREATE EXTENSION brings scanner and drainer');
# the one that has looked for the extension in another database may not be gone yet
ok(wait_until(sub { sql(q{select string_agg(application_name, ', ' order by application_name) from pg_stat_activity where backend_type like 'pg_agenda %'})
            eq 'pg_agenda drainer (agenda), pg_agenda launcher, pg_agenda scanner (agenda)' }, 'these three'),
    'they have readable names, and a database without the extension has none');
ok(wait_until(sub { sql(q{select count(*) = 2 from pg_stat_activity
        where state = 'idle' and (query like 'sleeping until %' or query = 'waiting for events')}) eq 't' },
    'idle workers'), 'and say what they wait for');
is(health('agenda', "->> 'ok'"), 'true', 'health() is content');
is(health('agenda', "->> 'problems'"), '[]', 'and names no problem');
is(sql(q{select (agenda.health() #>> '{scanner,pid}')::int = pid from pg_stat_activity
    where application_name = 'pg_agenda scanner (agenda)'}, 'agenda'), 't', 'and the right pid');

# --- a second database, a copy, other names ------------------------------------------------------
sql('create database second');
sql('create extension pg_agenda', 'second');
have_workers('second', 'a second database gets workers of its own');

my $begin = time;
sql('create database copied template second');
cmp_ok(time - $begin, '<', 5, 'workers make room for CREATE DATABASE ... TEMPLATE');
have_workers('second', 'and come back afterwards');
have_workers('copied', 'the copy is found without anybody asking');
ok(wait_until(sub { health('copied', "#>> '{drainer,state}'") eq 'log belongs to another cluster' },
    'the copy to be silent'), 'the copy does not publish the log of the original');
like(health('copied', "->> 'problems'"), qr/written by another database/, 'and says why');
my $writer = $node->background_psql('copied');
$writer->query_safe(q{begin; select agenda.emit('shop.open', 'shop', '{}')});
my $adopter = $node->background_psql('copied');
$adopter->query_until(qr/adopting/, "\\echo adopting\ncreate temp table adopted as select agenda.adopt_log() as until;\n");
ok(wait_until(sub { sql(q{select count(*) from pg_locks where relation = 'agenda.events'::regclass and not granted}, 'copied') eq '1' }, 'adopt_log()'),
    'who adopts it waits for those who are writing');
$writer->query_safe('commit');
$writer->quit;
is($adopter->query_safe('select until = (select max(seq) from agenda.events) from adopted'), 't', 'and leaves out what they have written');
$adopter->quit;
ok(wait_until(sub { health('copied', "->> 'ok'") eq 'true' }, 'the adopted copy'), 'until it is adopted');

sql('alter database copied rename to renamed');
have_workers('renamed', 'RENAME DATABASE works, and the workers follow');
is(pid_of('pg_agenda scanner (copied)'), '', 'under the new name');

sql(q{create tablespace elsewhere location ''});
sql('alter database renamed set tablespace elsewhere');
have_workers('renamed', 'so does a change of the tablespace');

sql('create extension pg_agenda', 'template1');
sql('create database born');
have_workers('born', 'a database made from a template that has the extension is found');
is(workers('template1'), '', 'the template has no workers');
ok(wait_until(sub { health('born', "->> 'ok'") eq 'true' }, 'the new database'), 'and its log is nobody else\'s');
sql('drop extension pg_agenda cascade', 'template1');

# --- the extension goes and comes ----------------------------------------------------------------
my $drop = $node->background_psql('second');
$drop->query_safe('begin');
$drop->query_safe('drop extension pg_agenda cascade');
is(workers('second'), '', 'DROP EXTENSION meets no worker, whose locks it could come across');
$drop->query_safe('rollback');
$drop->quit;
have_workers('second', 'if it is rolled back they return');
sql('drop extension pg_agenda cascade', 'second');
ok(wait_until(sub { workers('second') eq '' }, 'workers to leave'), 'DROP EXTENSION ends the workers');
sql('create extension pg_agenda', 'second');
have_workers('second', 'CREATE EXTENSION starts them again');

# DROP OWNED sends nobody away; it holds the lock of the extension as DROP EXTENSION does
sql('create role owner_of_it superuser');
sql('create database third owner owner_of_it');
sql('set role owner_of_it; create extension pg_agenda', 'third');
have_workers('third', 'an extension of somebody else');
$drop = $node->background_psql('third');
$drop->query_safe('begin');
$drop->query_safe('drop owned by owner_of_it');
my $starts = starts_of('third', 'scanner');
sql(q{select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'pg_agenda % (third)'});
ok(wait_until(sub { starts_of('third', 'scanner') >= $starts + 3 }, 'scanners one after the other'),
    'a worker that begins meanwhile does not wait for its lock');
$drop->query_safe('rollback');
$drop->quit;
have_workers('third', 'after a rollback the workers return');
sql('drop database third');

# --- databases go --------------------------------------------------------------------------------
my $other = $node->background_psql('second');
my ($status, $out, $err) = $node->psql('postgres', 'drop database second');
like($err, qr/is being accessed by other users/, 'a session of somebody else keeps DROP DATABASE from working');
like($err, qr/There is 1 other session/, 'which the workers are not in the way of');
have_workers('second', 'after the failure the workers return');
$other->quit;

$begin = time;
sql('drop database second');
cmp_ok(time - $begin, '<', 5, 'DROP DATABASE does not wait for the workers');

sql(q{create function public.stall() returns trigger language plpgsql as $$ begin perform count(*) from generate_series(1, 1000000000000); return new; end $$;
    create trigger stall before insert on agenda.notifications for each row execute function public.stall()}, 'born');
sql(act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('stall', now() + interval '1 hour')}), 'born');
ok(wait_until(sub { sql(q{select count(*) from pg_stat_activity where datname = 'born' and state = 'active' and query = 'raising timers'}) }, 'the scanner'),
    'a scanner may be busy');
$begin = time;
sql('drop database born');
cmp_ok(time - $begin, '<', 5, 'then its transaction is cancelled');
sql('drop database renamed with (force)');
is(workers('second') . workers('renamed') . workers('born'), '', 'and nobody is left');
have_workers('agenda', 'the others are not touched');

# --- processes die -------------------------------------------------------------------------------
my $old = pid_of('pg_agenda scanner (agenda)');
sql("select pg_terminate_backend($old)");
ok(wait_until(sub { my $new = pid_of('pg_agenda scanner (agenda)'); $new && $new != $old }, 'a new scanner'),
    'a terminated scanner is replaced');

my $scanner = pid_of('pg_agenda scanner (agenda)');
my $launcher = pid_of('pg_agenda launcher');
sql("select pg_terminate_backend($launcher)");
ok(wait_until(sub { my $new = pid_of('pg_agenda launcher'); $new && $new != $launcher }, 'a new launcher'),
    'a terminated launcher is replaced');
is(pid_of('pg_agenda scanner (agenda)'), $scanner, 'and adopts the workers that run');
sql("select pg_terminate_backend($scanner)");
ok(wait_until(sub { my $new = pid_of('pg_agenda scanner (agenda)'); $new && $new != $scanner }, 'a new scanner'),
    'which it replaces when they end');
sql('select pg_cancel_backend(pid) from pg_stat_activity where backend_type like \'pg_agenda %\'');

$node->stop('immediate');
$node->start;
have_workers('agenda', 'after a crash of the server they are back');
ok(wait_until(sub { health('agenda', "->> 'ok'") eq 'true' }, 'health after the crash'), 'and well');

# --- a standby is silent until it is promoted ----------------------------------------------------
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
is($standby->safe_psql('postgres', q{select count(*) from pg_stat_activity where backend_type like 'pg_agenda%'}),
    '0', 'no process of ours on a standby');
is($standby->safe_psql('agenda', q{select agenda.health() -> 'ok'}), 'true', 'where health() is content');
sql(act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('while moving', now() + interval '1 hour')}), 'agenda');
$node->wait_for_catchup($standby);
my $later = sql(q{select now() + interval '2 hours'});
$node->stop;
$standby->append_conf('postgresql.conf', "agenda.now = '$later'");
$standby->reload;
$standby->promote;
ok(wait_until(sub { $standby->safe_psql('agenda', q{select (agenda.health() ->> 'ok')::boolean and
        (agenda.health() #>> '{drainer,running}')::boolean}) eq 't' }, 'the promoted standby'),
    'after promotion the workers run');
ok(wait_until(sub { $standby->safe_psql('agenda', q{select count(*) from agenda.notifications where title = 'while moving' and type = 'overdue' and late}) eq '1' },
        'what was owed meanwhile'), 'U21 and what was owed while the server moved is told');
$standby->stop;

# --- the server log ------------------------------------------------------------------------------
my $log = slurp($node->logfile);
my @told = $log =~ /WARNING:.*the event log of database "copied" is not published/g;
is(scalar @told, 1, 'a foreign log is told once');
like($log, qr/select agenda.adopt_log\(\)/, 'with the way out');
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'no crash of a worker');
my @exits = $log =~ /"pg_agenda (?:scanner|drainer)" \(PID \d+\) exited with exit code/g;
is(scalar @exits, 1, 'workers leave without a word, but for the one that was busy');

# --- too few worker slots ------------------------------------------------------------------------
my $small = agenda_node('small', max_worker_processes => 3, log_min_messages => 'debug1');
my $no_drainer = qr/out of background worker slots, could not start "pg_agenda drainer \(agenda\)"/;
wait_until(sub { slurp($small->logfile) =~ /DEBUG:  $no_drainer/ }, 'another attempt');
my @warnings = slurp($small->logfile) =~ /WARNING:  $no_drainer\n.*HINT:.*max_worker_processes/g;
is(scalar @warnings, 1, 'out of worker slots gives a warning that names the setting, and further attempts give none');
is($small->safe_psql('agenda', q{select agenda.health() ->> 'problems'}), '["the drainer does not run"]', 'health() says so');
$small->stop;

# --- one database too many -----------------------------------------------------------------------
$small->append_conf('postgresql.conf', "max_worker_processes = 10\nagenda.max_databases = 1");
$small->start;
ok(wait_until(sub { $small->safe_psql('agenda', q{select agenda.health() ->> 'ok'}) eq 'true' }, 'the only place'),
    'one place is enough for one database, whatever other databases there are');
$small->safe_psql('postgres', 'create database more');
$small->safe_psql('more', 'create extension pg_agenda');
ok(wait_until(sub { slurp($small->logfile) =~ /no place for workers of database "more"/ }, 'the warning'),
    'a second one gives a warning');
like($small->safe_psql('more', q{select agenda.health() ->> 'problems'}), qr/raise agenda.max_databases/, 'health() says so');
$small->safe_psql('postgres', 'drop database agenda');
ok(wait_until(sub { $small->safe_psql('more', q{select agenda.health() ->> 'ok'}) eq 'true' }, 'the freed place'),
    'and gets the place when it becomes free');
$small->stop;

# --- without shared_preload_libraries ------------------------------------------------------------
$small->append_conf('postgresql.conf', q{shared_preload_libraries = ''});
$small->start;
is($small->safe_psql('more', q{select agenda.health() ->> 'problems'}),
    '["pg_agenda is not in shared_preload_libraries: no worker runs, the log waits"]',
    'without preloading health() says that no worker runs');
$small->safe_psql('more', act_sql('alice', q{insert into agenda.tasks (title, due_date) values ('x', now())}));
is($small->safe_psql('more', q{select agenda.health() #>> '{drainer,unpublished}'}), '1', 'and how much waits, while SQL works');
$small->stop;

done_testing();
