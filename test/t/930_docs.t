# 930_docs.t - docs/sql.md is true: each of its examples runs, every public function and table is in one
# of them and really called, and the arguments of its entry are those of the catalog.
#
# An example is a block of SQL; psql runs it in a new database, as the role that its first line names ("-- as NAME"; superuser
# is the one of the tests), else as an application in a transaction that acts for Alice.  What is called is what
# PostgreSQL's statistics of functions counted, summed up over all examples.  docs/events.md and docs/operations.md are run likewise,
# the topics of docs/events.md are those of the profiles, the settings of docs/settings.md have their defaults, and docs/metrics.md has every
# metric of the database and alerts about these only.
use strict;
use warnings;

use AgendaTest;
use PostgreSQL::Test::Utils;
use Test::More;

# what no example can call: it stands in one all the same
my %not_called = (
    confirm_channel => 'needs the code of a mail',
    retry_delivery => 'needs a receiver that has failed');
# functions of the type, which operators, indexes, casts and the planner call
my $of_the_type = qr/^rrule_(in|out|recv|send|cmp|eq|ne|lt|le|gt|ge|hash|hash_extended|support)$/;

my ($share) = map { chomp; $_ } `pg_config --sharedir`;
my $cron = -e "$share/extension/pg_cron.control";
my $node = agenda_node('docs', 'track_functions' => 'all', 'max_worker_processes' => 20,
    ($cron ? ('shared_preload_libraries' => 'pg_cron,pg_agenda', 'cron.database_name' => 'with_cron') : ()));
$node->safe_psql('postgres', join ';', map { "create role docs_$_ login in role agenda_$_" } qw(app service monitor));
# pg_cron works in one database of the server, which its examples share
new_database('with_cron', $cron ? 'pg_cron' : ());
new_database('shop');
my $directory = PostgreSQL::Test::Utils::tempdir();
chdir $directory or die "$directory: $!";

my (%called, $examples);
my $sql_md = slurp("$ENV{AGENDA_ROOT}/docs/sql.md");
foreach my $name (qw(sql events operations))
{
    my $text = slurp("$ENV{AGENDA_ROOT}/docs/$name.md");
    foreach my $block (blocks($text))
    {
        my ($line, $sql) = @$block;
      SKIP: {
            skip "docs/$name.md:$line: pg_cron is not installed", 1 if !$cron && $sql =~ /schedule_housekeeping/;
            my ($status, $error) = run_example($sql);
            is($status, 0, "docs/$name.md:$line runs") or diag($error);
        }
        $examples .= $sql if $name eq 'sql';
    }
}

# ---- the catalog ----
my @functions = map { [ split /\|/, $_, -1 ] } split /\n/, $node->safe_psql('agenda', q{
    select p.proname, coalesce((select string_agg(coalesce(nullif(a.name, ''), '?'), ' ' order by a.nr)
                                  from unnest(p.proargnames[1:p.pronargs]) with ordinality a (name, nr)), ''),
           (select string_agg(t.typname, ' ' order by a.nr)
              from unnest(p.proargtypes) with ordinality a (type, nr) join pg_type t on t.oid = a.type)
      from pg_proc p join pg_depend d on d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
      join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
     where e.extname = 'pg_agenda' and p.proname !~ '^(_|gw_)' and p.prorettype <> 'trigger'::regtype
     order by 1});
@functions = grep { $_->[0] !~ $of_the_type } @functions;
my @tables = split /\n/, $node->safe_psql('agenda', q{
    select c.relname from pg_class c join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
      join pg_extension e on d.refclassid = 'pg_extension'::regclass and e.oid = d.refobjid
     where e.extname = 'pg_agenda' and c.relkind in ('r', 'p', 'v') order by 1});
cmp_ok(scalar(@functions), '>', 100, 'the catalog has functions');
cmp_ok(scalar(@tables), '>', 20, 'and tables');

none([ grep { $examples !~ /\bagenda\.$_\(/ } map { $_->[0] } @functions ], 'every public function is in an example');
none([ grep { !$called{$_} && !$not_called{$_} } map { $_->[0] } @functions ], 'which calls it');
none([ grep { $called{$_} } keys %not_called ], 'but for these exceptions');
none([ map { "$_->[0]($_->[1])" } grep { !has_entry(@$_) } @functions ], 'every function has an entry with the arguments of the catalog');
none([ grep { $examples !~ /\bagenda\.$_\b(?!\()/ } @tables ], 'every table is in an example');
none([ grep { $sql_md !~ /^\|[^|]*`$_`/m } @tables ], 'and has an entry');

# ---- topics ----
my $events_md = slurp("$ENV{AGENDA_ROOT}/docs/events.md");
is(join("\n", documented_routes($events_md)), routes('per-type'), 'docs/events.md says where each type goes');
foreach my $profile (qw(per-entity debezium todo))
{
    my ($entry) = $events_md =~ /^- `$profile`: (.*?)^(?:- |\n)/ms;
    my %topics = map { /(\S+)$/; $1 => 1 } split /\n/, routes($profile);
    is(join(' ', sort grep { /\./ } ($entry // '') =~ /`([^`]+)`/g), join(' ', sort keys %topics), "the topics of profile $profile");
}

# ---- settings, metrics ----
# the module makes its settings when it is loaded; a row begins with name, default and when a change takes effect
my $settings_md = slurp("$ENV{AGENDA_ROOT}/docs/settings.md") =~ s/^(\| `agenda\.\w+` \| )`([^`]*)`/$1$2/mgr;
my @settings = split /\n/, $node->safe_psql('agenda', q{
    select format('| `%s` | %s | %s |', name, coalesce(nullif(current_setting(name), ''), 'empty'),
                  case context when 'sighup' then 'reload' when 'postmaster' then 'restart' else context end)
      from pg_settings where name like 'agenda.%'});
cmp_ok(scalar(@settings), '>', 15, 'there are settings');
none([ grep { index($settings_md, $_) < 0 } @settings ], 'docs/settings.md has their defaults');
my $metrics_md = slurp("$ENV{AGENDA_ROOT}/docs/metrics.md");
my @metrics = split /\n/, $node->safe_psql('agenda', q{
    select distinct case kind when 'histogram' then regexp_replace(name, '_(bucket|sum|count)$', '') else name end from agenda.metrics()});
cmp_ok(scalar(@metrics), '>', 20, 'there are metrics');
none([ grep { index($metrics_md, "| `$_` |") < 0 } @metrics ], 'docs/metrics.md has them');
my %described = map { $_ => 1 } $metrics_md =~ /^\| `(agenda_\w+)` \| (?:counter|gauge|histogram) /mg;
my ($alerts) = $metrics_md =~ /^## Alerts\n(.*)/ms;
none([ grep { !$described{$_} } $alerts =~ /\b(agenda_\w+)/g ], 'its alerts are about metrics that there are');
done_testing;

sub none
{
    my ($names, $what) = @_;
    is(join(', ', sort @$names), '', $what);
}

# The blocks of SQL of a text, each with the number of its first line.
sub blocks
{
    my ($text) = @_;
    my @found;
    while ($text =~ /^```sql\n(.*?)^```/msg)
    {
        my $sql = $1;
        push @found, [ 1 + (substr($text, 0, $-[1]) =~ tr/\n//), $sql ];
    }
    return @found;
}

# Runs one example in a database of its own, and counts what it calls; exit status and output of psql.
sub run_example
{
    my ($sql) = @_;
    my ($role) = $sql =~ /\A-- as (\w+)/;
    my $database = $sql =~ /schedule_housekeeping/ ? 'with_cron' : 'example';
    my $login = !$role ? 'docs_app' : $role eq 'superuser' ? undef : $role =~ s/^agenda_/docs_/r;
    $sql = "set role $role;\n$sql" if $login && $role;
    $sql = "begin;\nselect agenda.act_as(agenda.user_id_of('alice'));\n$sql\ncommit;\n" if !$role && $sql !~ /^begin;/m;

    new_database($database) if $database eq 'example';
    append_to_file("$directory/tasks.tsv", '');
    # counted before psql ends, since its backend ends later
    $sql .= "\nselect pg_stat_force_next_flush();\n";
    my $status = $node->psql($database, $sql, on_error_stop => 1, on_error_die => 0, stderr => \my $error,
        extra_params => $login ? [ '-U', $login ] : []);
    $called{$_}++ foreach split /\n/, $node->safe_psql($database, q{select funcname from pg_stat_user_functions where schemaname = 'agenda' and calls > 0});
    $node->safe_psql('postgres', 'drop database example') if $database eq 'example';
    return ($status, "$sql\n$error");
}

sub new_database
{
    my ($database, @extensions) = @_;
    $node->safe_psql('postgres', "create database $database");
    $node->safe_psql($database, "create extension $_") foreach 'pg_agenda', @extensions;
}

# The routes of a profile, "type topic" a line.
sub routes
{
    my ($profile) = @_;
    return $node->safe_psql('agenda', qq{
        begin;
        delete from agenda.topic_routes;
        select agenda.use_topic_profile('$profile') \\g /dev/null
        select event_type || ' ' || topic from agenda.topic_routes order by event_type collate "C", topic;
        rollback});
}

# The same from the table of types, where `.updated` behind `task.created` is short for `task.updated`.
sub documented_routes
{
    my ($text) = @_;
    my @routes;
    my ($table) = $text =~ /^## Types\n(.*?)^## /ms;
    while ($table =~ /^\| (`.*?`) \|.*\| `([^`]+)` \|$/mg)
    {
        my ($types, $topic) = ($1, $2);
        my @types = $types =~ /`([^`]+)`/g;
        my ($entity) = $types[0] =~ /^(\w+)/;
        push @routes, map { (/^\./ ? "$entity$_" : $_) . " $topic" } @types;
    }
    return sort @routes;
}

# Whether docs/sql.md has an entry `name(arguments)` with these arguments: by their names, a row by its type. "…" stands for
# the rest, which is then described nearby by its names.
sub has_entry
{
    my ($function, $names, $types) = @_;
    my @names = split ' ', $names;
    my @types = split ' ', $types // '';
    pos($sql_md) = 0;
    while ($sql_md =~ /`[^`\n]*?\b\Q$function\E\(([^()]*)\)/g)
    {
        my @written = map { (split ' ')[0] } split /\s*,\s*/, $1;
        my @rest = @written && $written[-1] eq '…' ? @names[ $#written .. $#names ] : ();
        pop @written if @rest;
        next if @written + @rest != @names || grep { $sql_md !~ /`$_\b/ } @rest;
        return 1 unless grep { $written[$_] ne $names[$_] && $written[$_] ne $types[$_] } 0 .. $#written;
    }
    return 0;
}
