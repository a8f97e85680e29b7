# scale.pl - the part "scale" of make bench: what calls read as the tables grow.
#
#   perl scale.pl
#
# The same calls of the same users at two sizes, AGENDA_BENCH_TASKS (100000,1000000), filled by
# scale_data.sql: buffers (EXPLAIN (ANALYZE, BUFFERS), which counts what functions and triggers do)
# and rows (index entries and rows of sequential scans, from the statistics of the transaction), each
# the most of several users.  They have to be the same at both sizes, but for the height of an index:
# what is over is marked.  The figures go to one JSON file in $TESTDIR.
use strict;
use warnings;

use AgendaBench;
use AgendaTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time);

my $root = $ENV{AGENDA_ROOT};
my $tasks_each = 100;
my @sizes = sort { $a <=> $b } split /,/, $ENV{AGENDA_BENCH_TASKS} // '100000,1000000';
# users whose calls are measured; every size has them
my @users = (7, 111, 222, 333, 444);
# more than this at the largest size is growth; an index that has become higher is read once more for each look into it
my %most = (buffers => { factor => 1.25, and => 3 }, rows => { factor => 1, and => 2 });

# as an application does it for a user, whose tasks and series stand in braces.  Readers first: what is undone leaves its dead rows
my @calls = (
    [ 'get_task()', q{select agenda.get_task('{task 80}')} ],
    [ 'list_tasks()', q{select * from agenda.list_tasks()} ],
    [ 'list_tasks(), pending by due date', q{select * from agenda.list_tasks('{"status": "pending"}', 'due_date')} ],
    [ 'list_tasks(), third page', q{select * from agenda.list_tasks(page => 3)} ],
    [ 'count_tasks()', q{select agenda.count_tasks()} ],
    [ 'next due, SELECT', q{select * from agenda.tasks where status in ('pending', 'in_progress') and deleted_at is null and due_date > now()
                            order by due_date, id limit 1} ],
    [ 'calendar(), a month', q{select * from agenda.calendar(now() + interval '7 days', now() + interval '38 days')} ],
    [ 'calculate_next_due_at()', q{select agenda.calculate_next_due_at('{series daily}')} ],
    [ 'list_recurring_tasks()', q{select * from agenda.list_recurring_tasks()} ],
    [ 'unread_count()', q{select agenda.unread_count()} ],
    [ 'list_notifications()', q{select * from agenda.list_notifications()} ],
    [ 'create_task()', q{select agenda.create_task('x', due => '2030-01-01T09:00:00Z')} ],
    [ 'INSERT INTO agenda.tasks', q{insert into agenda.tasks (title, due_date) values ('x', '2030-01-01 09:00Z')} ],
    [ 'update_task(), another due date', q{select agenda.update_task('{task 80}', '{"due_date": "2030-01-01T09:00:00Z"}')} ],
    [ 'complete_task()', q{select agenda.complete_task('{task 80}')} ],
    [ 'complete_task(), makes the next', q{select agenda.complete_task('{task weekly}')} ],
    [ 'create_recurring_task()', q{select agenda.create_recurring_task('x', 'daily', start_date => '2030-01-01T09:00:00Z')} ],
    [ 'add_reminder()', q{select agenda.add_reminder('{task 80}', '-1 hour')} ],
    [ 'mark_all_read()', q{select agenda.mark_all_read()} ]);
# as the scanner does it
my @scans = (
    [ 'scan, nothing owed', q{select * from agenda._scan(now(), '-infinity', 1000)} ],
    [ 'scan, more owed than the 100 it takes', q{select * from agenda._scan(now() + interval '30 days', '-infinity', 100)} ]);

my %result = (started => strftime('%FT%TZ', gmtime), machine => machine());
my $node = start_node();
measure_sizes();
$node->stop;
write_results(\%result, 'scale');

sub sql { return $node->safe_psql('agenda', $_[0]) }

sub start_node
{
    my $n = agenda_node('bench_scale', log_statement => 'none', shared_buffers => '1GB', max_wal_size => '8GB', maintenance_work_mem => '256MB',
        log_min_messages => 'warning', max_connections => 50);
    $n->safe_psql('agenda', <<'SQL');
create role bench_app login;
grant agenda_app to bench_app;
-- index entries and rows of sequential scans that this transaction has read
create function public.rows_read() returns bigint language sql volatile as $$
    select coalesce(sum(pg_stat_get_xact_tuples_returned(c.oid)), 0) from pg_class c
     where c.relnamespace = 'agenda'::regnamespace and c.relkind in ('r', 'i')
$$;

-- The second call of a statement; nothing stays of either.
create function public.cost(statement text, out buffers bigint, out rows bigint, out ms float8) language plpgsql as $$
declare
    plan json;
begin
    for i in 1..2 loop
        begin
            rows := public.rows_read();
            execute 'explain (analyze, buffers, timing off, format json) ' || statement into plan;
            rows := public.rows_read() - rows;
            raise exception using errcode = 'UNDO0';
        exception when sqlstate 'UNDO0' then
            buffers := (plan #>> '{0,Plan,Shared Hit Blocks}')::bigint + (plan #>> '{0,Plan,Shared Read Blocks}')::bigint;
            ms := (plan #>> '{0,Execution Time}')::float8;
        end;
    end loop;
end $$;
SQL
    return $n;
}

# ---- the same calls at two sizes ------------------------------------------------------------

sub measure_sizes
{
    my $filled = 0;
    my (%figure, %filling);

    foreach my $size (@sizes)
    {
        my $users = int($size / $tasks_each);
        my $start = time;
        # in steps, so that no transaction is as large as the table
        for (my $from = $filled + 1; $from <= $users; $from += 10_000)
        {
            my $to = $from + 9_999 < $users ? $from + 9_999 : $users;
            run_out('psql', '-Xq1', '-v', 'ON_ERROR_STOP=1', '-v', "from=$from", '-v', "to=$to", '-f', "$root/test/bench/scale_data.sql", $node->connstr('agenda'));
        }
        my $took = time - $start;
        # all of them: as a rule few dead rows stay in the indexes
        sql('vacuum (analyze, index_cleanup on)');
        $filling{$size} = { users => $users, seconds => $took, per_second => ($users - $filled) * $tasks_each / $took,
            bytes => 0 + sql('select pg_database_size(current_database())') };
        say_line(sprintf '%8d tasks of %d users: filled with %.0f tasks/s, %.0f MB, load %.2f',
                $size, $users, $filling{$size}{per_second}, $filling{$size}{bytes} / 1e6, load());
        $filled = $users;
        $figure{$size} = measure_size();
    }
    show_sizes(\%figure);
    @result{qw(filling calls)} = (\%filling, \%figure);
}

sub measure_size
{
    my %figure;

    foreach my $call (@calls)
    {
        my ($what, $statement) = @$call;
        $figure{$what} = worst(map { cost_of_user($_, $statement) } @users);
    }
    $figure{ $_->[0] } = cost('set local role agenda_service;', $_->[1]) foreach @scans;
    return \%figure;
}

sub cost_of_user
{
    my ($n, $statement) = @_;
    my $user = sql("select agenda.user_id_of('scale $n')");
    my %id = (
        'task 80' => sql("select id from agenda.tasks where user_id = '$user' and title = 'task 80 of $n'"),
        'task weekly' => sql("select id from agenda.tasks where user_id = '$user' and title = 'series weekly of $n'"),
        'series daily' => sql("select id from agenda.recurring_tasks where user_id = '$user' and title = 'series daily of $n'"));
    return cost("set local role bench_app; select agenda.act_as('$user') \\g /dev/null", $statement =~ s/\{((?:task|series) \w+)\}/$id{$1}/r);
}

sub cost
{
    my ($before, $statement) = @_;
    my %cost;
    @cost{qw(buffers rows ms)} = map { $_ + 0 } split /\|/, sql("begin; $before\nselect * from public.cost(\$statement\$$statement\$statement\$); rollback;");
    return \%cost;
}

sub worst
{
    my @costs = @_;
    my %worst;
    foreach my $figure (qw(buffers rows ms))
    {
        ($worst{$figure}) = sort { $b <=> $a } map { $_->{$figure} } @costs;
    }
    return \%worst;
}

sub show_sizes
{
    my ($figure) = @_;
    my ($small, $large) = @sizes[ 0, -1 ];

    say_line(sprintf "\n%-40s %26s %26s %26s", '', 'buffers', 'rows', 'ms');
    say_line(sprintf '%-40s' . ' %9s %9s %6s' x 2 . ' %9s %9s', "tasks", ($small, $large, 'ratio') x 2, $small, $large);
    foreach my $what (map { $_->[0] } @calls, @scans)
    {
        my ($s, $l) = map { $figure->{$_}{$what} } $small, $large;
        my $over = (grep { $l->{$_} > $most{$_}{factor} * $s->{$_} && $l->{$_} > $s->{$_} + $most{$_}{and} } keys %most) ? '  grows' : '';
        say_line(sprintf '  %-38s' . ' %9d %9d %6.2f' x 2 . ' %9.2f %9.2f%s', $what,
                (map { ($s->{$_}, $l->{$_}, ratio($l->{$_}, $s->{$_})) } qw(buffers rows)), $s->{ms}, $l->{ms}, $over);
    }
}

sub ratio
{
    my ($large, $small) = @_;
    return $small ? $large / $small : $large ? 9999 : 1;
}
