# gateway_peers.pl - the part "gateway-peers" of make bench: the gateway beside other servers of the same tasks.
#
#   perl gateway_peers.pl
#
# The same database, the same user with 1000 tasks, the same token, the same load, one server after the
# other for each route.  AGENDA_GATEWAY_PEERS is where gateway_peers/prepare.sh has installed the others;
# gateway_peers/README.md says how they are set up.  Figures go to one JSON file in $TESTDIR.
use strict;
use warnings;

use AgendaBench;    # first: it keeps STDOUT
use AgendaTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;

my $key = 'bench-key-bench-key-bench-key-bench-key';
my $title = 'side by side';
my $installed = $ENV{AGENDA_GATEWAY_PEERS};
my %result = (started => strftime('%FT%TZ', gmtime), machine => machine());
my $cores = $result{machine}{cpus};
# connections of each of a peer's processes
my $pool = 16;

my $node = agenda_node('bench_gateway_peers',
    fsync => 'on', log_statement => 'none', shared_buffers => '512MB', max_wal_size => '4GB',
    max_connections => 200, log_min_messages => 'warning');
my $task = reader_with_tasks($node, 1000);
my $user = $node->safe_psql('agenda', q{select agenda.user_id_of('reader')});
my $token = token($user, $key, role => '"peer_person"');

my @servers = (pg_agenda(), fastapi(), postgraphile());
my @routes = ([ get => 'GET a task' ], [ list => 'list 20 of 1000 and their count' ], [ post => 'POST a task' ]);
say_line("the same tasks by several servers: wrk, 64 connections, " . bench_seconds()
      . " s; CPU per request: server + its backends; x: pg_agenda's rate and CPU against it");
compare(@$_) foreach @routes;
write_results(\%result);

# One route by every server.
sub compare
{
    my ($route, $what) = @_;
    my $ours;
    say_line("\n$what");
    foreach my $server (@servers)
    {
        my ($name, $skipped) = @$server{qw(name skipped)};
        if ($skipped)
        {
            say_line(sprintf '  %-46s skipped: %s', $server->{what}, $skipped);
            $result{$name} = { skipped => $skipped };
            next;
        }
        my $figure = $result{$name}{$route} = measure($server, $server->{requests}{$route});
        $ours //= $figure;
        if ($figure != $ours)
        {
            $figure->{times_rate} = $ours->{rps} / $figure->{rps};
            $figure->{times_cpu} = cpu_of($figure) / cpu_of($ours);
        }
        rate_row($server->{what}, $figure,
            $figure == $ours ? () : sprintf('%5.1f x the rate, %5.1f x the CPU', @$figure{qw(times_rate times_cpu)}));
    }
}

sub cpu_of { return $_[0]{server_us} + $_[0]{database_us} }

# A request is [ path, what an answer has to hold, body ].  The first two seconds are not counted: plans and caches.
sub measure
{
    my ($server, $request) = @_;
    my ($path, $expected, $body) = @$request;
    my $url = "http://127.0.0.1:$server->{port}$path";
    my @post = $body ? wrk_post($body) : ();
    my $answer = run_out('curl', '-sS', '-H', "Authorization: Bearer $token",
        $body ? ('-H', 'Content-Type: application/json', '-d', $body) : (), $url);

    die "$server->{name} answers $path with $answer" if $answer !~ $expected;
    wrk($url, $token, @post, '-d', '2s');
    return with_cpu($node, @$server{qw(pid role)}, sub { wrk($url, $token, @post) });
}

# ---- the servers ----------------------------------------------------------------------------

sub rest_requests
{
    my $body = qq({"title": "$title", "due_date": "2030-01-01T09:00:00Z"});
    return {
        get => [ "/api/tasks/$task", qr/"title": ?"task / ],
        list => [ '/api/tasks?page_size=20', qr/"total": ?1000/ ],
        post => [ '/api/tasks', qr/"title": ?"$title"/, $body ]
    };
}

sub pg_agenda
{
    my $port = free_port();
    my $pid = start_gateway($node, $port, $key);
    return { name => 'pg_agenda', what => 'pg_agenda', port => $port, pid => $pid, role => 'bench_gw', requests => rest_requests() };
}

# Why a peer could not be installed; empty: it is there.
sub skipped
{
    my ($name) = @_;
    my $file = "$installed/$name.skipped";
    chomp(my $reason = -e $file ? slurp($file) : '');
    return $reason;
}

sub pinned
{
    my ($file, $version) = @_;
    return (slurp("$ENV{AGENDA_ROOT}/test/bench/gateway_peers/$file") =~ $version)[0];
}

sub fastapi
{
    my %it = (name => 'fastapi', what => 'FastAPI ' . pinned('requirements.txt', qr/^fastapi==(.*)/m) . ", $cores workers", port => free_port(), role => 'peer_fastapi',
        requests => rest_requests(), skipped => skipped('fastapi'));
    return \%it if $it{skipped};
    $node->safe_psql('agenda', 'create role peer_fastapi login bypassrls; grant agenda_service to peer_fastapi');
    my $dir = "$installed/fastapi";
    $it{pid} = spawn('fastapi',
        [ "$dir/bin/uvicorn", 'app:app', '--app-dir', $dir, '--host', '127.0.0.1', '--port', $it{port}, '--workers', $cores,
          '--loop', 'uvloop', '--http', 'httptools', '--no-access-log', '--log-level', 'warning' ],
        DATABASE_URL => "postgresql+asyncpg://peer_fastapi\@/agenda?host=" . $node->host . '&port=' . $node->port,
        JWT_KEY => $key, POOL_SIZE => $pool, PYTHONDONTWRITEBYTECODE => 1);
    wait_for_http($it{port}, '/openapi.json');
    return \%it;
}

# A view is what it is shown of the schema: the same members as the others answer.  The token's role, and
# row-level security for the user of the login, hold as they do for everybody.
sub postgraphile
{
    my %it = (name => 'postgraphile', what => 'PostGraphile ' . pinned('package.json', qr/"postgraphile": "(.*?)"/) . ", $cores workers", port => free_port(), role => 'reader',
        requests => graphql_requests(), skipped => skipped('postgraphile'));
    return \%it if $it{skipped};
    $node->safe_psql('agenda', <<'SQL');
create role peer_person;
grant agenda_user to peer_person;
grant peer_person to reader;
create schema peer;
create view peer.tasks with (security_invoker) as
    select id, user_id, title, description, status, priority, due_date, timezone, recurrence_rule, notified, recurring_task_id,
           parent_task_id, completed_at, last_reminder_sent, version, created_at, updated_at
      from agenda.tasks where deleted_at is null;
comment on view peer.tasks is '@primaryKey id';
grant usage on schema peer to peer_person;
grant select, insert (title, due_date) on peer.tasks to peer_person;
SQL
    my $dir = "$installed/postgraphile/node_modules/.bin";
    $it{pid} = spawn('postgraphile',
        [ "$dir/postgraphile", '--connection', 'postgres://reader@' . $node->host =~ s{/}{%2F}gr . ':' . $node->port . '/agenda',
          '--schema', 'peer', '--host', '127.0.0.1', '--port', $it{port}, '--cluster-workers', $cores, '--max-pool-size', $pool,
          '--jwt-secret', $key, '--jwt-verify-algorithms', 'HS256', '--jwt-verify-audience', '',
          '--no-ignore-rbac', '--disable-query-log', '--disable-graphiql' ],
        NODE_ENV => 'production');
    wait_for_http($it{port}, '/graphql?query=%7B__typename%7D');
    return \%it;
}

sub graphql_requests
{
    my $members = 'id userId title description status priority dueDate timezone recurrenceRule notified recurringTaskId'
      . ' parentTaskId completedAt lastReminderSent version createdAt updatedAt';
    my %body = (
        get => qq({"query": "query (\$id: UUID!) { taskById(id: \$id) { $members } }", "variables": {"id": "$task"}}),
        list => qq({"query": "{ allTasks(first: 20, orderBy: [CREATED_AT_DESC, ID_ASC]) { nodes { $members } totalCount } }"}),
        post => qq({"query": "mutation (\$task: TaskInput!) { createTask(input: {task: \$task}) { task { $members } } }",)
          . qq( "variables": {"task": {"title": "$title", "dueDate": "2030-01-01T09:00:00Z"}}}));
    my %expected = (get => qr/"title":"task /, list => qr/"totalCount":1000/, post => qr/"title":"$title"/);
    return { map { ($_ => [ '/graphql', $expected{$_}, $body{$_} ]) } keys %body };
}

sub wait_for_http
{
    my ($port, $path) = @_;
    wait_until(sub { system("curl -s -o /dev/null http://127.0.0.1:$port$path") == 0 }, "port $port to answer", 60);
}
