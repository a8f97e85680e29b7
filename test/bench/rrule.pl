# rrule.pl - the part "rrule" of make bench: the recurrence library beside its peers, and in SQL.
#
#   perl rrule.pl
#
# test/bench/rrule_peers/run.sh has left the figures of the library and of its peers in
# $TESTDIR/rrule; here they become a table with the ratio to the best peer of each rule.  Then the SQL
# functions are measured in a server of their own, on the same single processor.  Everything goes
# to one JSON file in $TESTDIR.  A figure that is over its limit is marked.
use strict;
use warnings;

use AgendaBench;    # first: it keeps STDOUT
use AgendaTest;
use POSIX qw(strftime);
use PostgreSQL::Test::Utils;

my $root = $ENV{AGENDA_ROOT};
my @rules = split /\n/, slurp("$root/test/bench/rrule_peers/rules.txt");
my @peers = qw(dateutil libical rrule_js rrule_go);
# nanoseconds; distance is a ratio, with room for what a measurement varies by
my %limit = (distance => 1.2, next => 50, item => 20, parse => 500, typical_us => 10, hostile_next => 1e6, sql_next => 250, sql_miss => 10_000,
    sql_1000 => 100_000);
my @columns = qw(next_10_years next_50_years item parse plan);

my %result = (started => strftime('%FT%TZ', gmtime), load => load() + 0, cpus => scalar(() = slurp('/proc/cpuinfo') =~ /^processor/mg));
$result{library} = { map { $_ => read_figures($_) } 'pg_agenda', @peers };
show_versions();
show_column('next occurrence, DTSTART 10 years back', 'next_10_years', $limit{next});
show_column('next occurrence, DTSTART 50 years back', 'next_50_years', $limit{next});
show_distance();
show_column('an item of a run of 1,000', 'item', $limit{item});
show_column('reading the text', 'parse', $limit{parse});
$result{random} = show_random();
$result{hostile} = show_hostile();
$result{sql} = measure_sql();
write_results(\%result, 'rrule');

# ---- library and peers ----------------------------------------------------------------------

sub read_figures
{
    my ($name) = @_;
    my $text = slurp("$ENV{TESTDIR}/rrule/$name.txt");
    return { not_measured => $1 } if $text =~ /^not measured: (.*)/;
    my ($version) = $text =~ /^# (.*)/m;
    my @lines = grep { !/^#/ } split /\n/, $text;
    return { not_measured => 'it gave ' . @lines . ' of ' . @rules . ' figures' } if @lines != @rules;
    my %figures = (version => $version // 'this tree');
    foreach my $i (0 .. $#rules)
    {
        @{ $figures{ns}{ $rules[$i] } }{@columns} = map { $_ + 0 } split ' ', $lines[$i];
        delete $figures{ns}{ $rules[$i] }{plan} if $name ne 'pg_agenda';
    }
    return \%figures;
}

sub show_versions
{
    say_line("recurrence: ns of processor time on one processor, load $result{load}");
    foreach my $name ('pg_agenda', @peers)
    {
        my $it = $result{library}{$name};
        say_line(sprintf '  %-10s %s', $name, $it->{not_measured} ? "not measured: $it->{not_measured}" : $it->{version});
    }
}

# One figure of all rules: ours, the peers', and how many times faster than the best of them.
sub show_column
{
    my ($title, $column, $most) = @_;
    my @measured = grep { $result{library}{$_}{ns} } @peers;
    say_line(sprintf "\n%-46s %9s" . ' %13s' x @measured . '  x the best peer', $title, 'pg_agenda', @measured);
    foreach my $rule (@rules)
    {
        my $ours = $result{library}{pg_agenda}{ns}{$rule}{$column} // die "the library was not measured\n";
        my @theirs = map { $result{library}{$_}{ns}{$rule}{$column} } @measured;
        my ($best) = sort { $a <=> $b } @theirs;
        $result{ratio}{$rule}{$column} = $best / $ours if $best;
        say_line(sprintf "  %-44s %9.1f" . ' %13.1f' x @theirs . '  %s%s',
                $rule, $ours, @theirs, $best ? sprintf('%.0f', $best / $ours) : '-', over($ours, $most));
    }
}

# What DTSTART's distance costs: the rule for which it costs most.
sub show_distance
{
    my $ns = $result{library}{pg_agenda}{ns};
    my %ratio = map { $_ => $ns->{$_}{next_50_years} / $ns->{$_}{next_10_years} } @rules;
    my ($most) = sort { $ratio{$b} <=> $ratio{$a} } @rules;
    $result{distance} = \%ratio;
    say_line(sprintf '  50 years back costs at most %.2f times what 10 years back does (%s)%s', $ratio{$most}, $most, over($ratio{$most}, $limit{distance}));
}

sub over
{
    my ($ours, $most) = @_;
    return $ours > $most ? "  over $most" : '';
}

sub show_random
{
    my %random;
    my @lines = split /\n/, slurp("$ENV{TESTDIR}/rrule/random.txt");
    say_line(sprintf "\n%-46s %12s %12s %12s", 'random rules, all parts, absurd intervals', 'median', '99.9 %', 'slowest');
    foreach my $what (qw(next plan))
    {
        my ($median, $most, $slowest, $rule) = split ' ', shift(@lines), 4;
        $random{$what} = { median => $median + 0, p999 => $most + 0, slowest => $slowest + 0, slowest_rule => $rule };
        say_line(sprintf '  %-44s %12.0f %12.0f %12.0f  %s%s', $what, $median, $most, $slowest, $rule,
                $what eq 'next' ? over($slowest, $limit{hostile_next}) : '');
    }
    return \%random;
}

# Rules drawn to be awkward, in all four classes: what planning and one next cost together, and that next alone.
sub show_hostile
{
    my %hostile;
    say_line(sprintf "\n%-46s %12s %12s %12s %12s", 'awkward rules (us)', 'typical', '99.9 %', 'worst', 'over 1 ms');
    foreach my $line (split /\n/, slurp("$ENV{TESTDIR}/rrule/hostile.txt"))
    {
        my ($time, $end, $what, $median, $most, $worst, $slow, $n, $rule) = split ' ', $line, 9;
        $hostile{$time}{$end}{$what} = { median => $median + 0, p999 => $most + 0, worst => $worst + 0, over_1_ms => $slow + 0, of => $n + 0, worst_rule => $rule };
        say_line(sprintf '  %-44s %12.1f %12.1f %12.1f %12s  %s%s%s', sprintf('%s, %s COUNT, %s', $time, $end eq 'COUNT' ? 'with' : 'without', $what eq 'next' ? 'next' : 'plan and next'),
                $median, $most, $worst, "$slow of $n", $rule, over($median, $limit{typical_us}), over($worst, $limit{hostile_next} / 1000));
    }
    return \%hostile;
}

# ---- SQL ------------------------------------------------------------------------------------

# A table whose column holds the rule, asked row by row; the empty function takes the same four values
# in another order and returns one of the first two.
sub measure_sql
{
    my $node = agenda_node('bench_rrule', jit => 'off', max_parallel_workers_per_gather => 0, log_statement => 'none', shared_buffers => '256MB');
    my %sql;

    $node->safe_psql('agenda', <<'SQL');
create function public.empty(after timestamptz, dtstart timestamp, tz text, rule agenda.rrule) returns timestamptz
    language internal immutable strict as 'timestamp_larger';
create function public.best_ns(query text, rounds integer) returns float8 language plpgsql as $$
declare
    best float8;
    start timestamptz;
begin
    for i in 1 .. rounds loop
        start := pg_catalog.clock_timestamp();
        execute query;
        best := least(best, 1e9 * extract(epoch from pg_catalog.clock_timestamp() - start));
    end loop;
    return best;
end $$;
create table public.series (rule agenda.rrule not null, dtstart timestamp not null, tz text not null);
SQL
    say_line(sprintf "\n%-46s %9s %9s %9s %9s %9s", 'SQL, zone Europe/Berlin, load ' . load(), 'next', 'empty', 'over it', 'miss', '1,000');
    foreach my $rule (@rules)
    {
        my $figures = $sql{$rule} = measure_sql_rule($node, $rule);
        say_line(sprintf '  %-44s %9.0f %9.0f %9.0f%s %9.0f%s %9.0f%s', $rule, @$figures{qw(next empty)},
                map { $figures->{ $_->[0] } => over($figures->{ $_->[0] }, $limit{ $_->[1] }) }
                  [ over_empty => 'sql_next' ], [ miss => 'sql_miss' ], [ thousand => 'sql_1000' ]);
    }
    $sql{generate_series} = $node->safe_psql('agenda', q{select public.best_ns('select count(*) from generate_series(1, 1000)', 150)}) + 0;
    say_line(sprintf '  %-44s %49.0f', 'generate_series(1, 1000), for comparison', $sql{generate_series});
    $node->stop;
    return \%sql;
}

sub measure_sql_rule
{
    my ($node, $rule) = @_;
    my $rows = 20_000;
    my $rounds = $ENV{AGENDA_BENCH_ROUNDS} // 15;
    my $best = sub {
        my ($query, $n, $times) = @_;
        $times //= $rounds;
        return $node->safe_psql('agenda', "select public.best_ns(\$\$$query\$\$, $times)") / $n;
    };
    my $fill = sub {
        my ($start) = @_;
        $node->safe_psql('agenda', "truncate public.series;
insert into public.series select '$rule', $start, 'Europe/Berlin' from pg_catalog.generate_series(1, $rows) i;
vacuum (freeze, analyze) public.series");
    };
    my $next = q{select count(agenda.next_occurrence(rule, dtstart, tz, timestamptz '2026-11-22T12:00Z')) from public.series};
    my %figures;

    $fill->("timestamp '1976-11-22T09:00'");
    $figures{next} = $best->($next, $rows);
    $figures{empty} = $best->(q{select count(public.empty(timestamptz '2026-11-22T12:00Z', dtstart, tz, rule)) from public.series}, $rows);
    $figures{over_empty} = $figures{next} - $figures{empty};
    # every row has another start, so none is planned already
    $fill->("timestamp '1976-11-22T09:00' + i * interval '1 second'");
    $figures{miss} = $best->($next, $rows) - $figures{empty};
    $figures{thousand} =
      $best->("select count(*) from agenda.first_occurrences('$rule', '1976-11-22T09:00', 'Europe/Berlin', 1000)", 1, 10 * $rounds);
    return \%figures;
}
