# 150_rrule_differential.t - fresh random rules, compared with python3-dateutil and libical.
#
# The seed stands in the output; AGENDA_SEED repeats a run, AGENDA_RULES is how many rules each
# peer gets.  The programs are those of test/peers/; rules that run into a known error of a peer
# (known_errors.pl, with the reasons) are counted and not compared.
use strict;
use warnings;

use IPC::Run ();
use Test::More;
use Time::Local qw(timelocal);

my $root = $ENV{AGENDA_ROOT};
my $out = $ENV{TESTDIR};
my $seed = $ENV{AGENDA_SEED} // time;
my $known_errors = do "$root/test/peers/known_errors.pl" or die "known_errors.pl: ", $@ || $!;
my @freq = qw(YEARLY MONTHLY WEEKLY DAILY HOURLY MINUTELY SECONDLY);
my @weekday = qw(MO TU WE TH FR SA SU);

srand $seed;
diag("seed $seed");
build('ours', "-I$root/extension", glob("$root/extension/recurrence/*.c"))
  or plan skip_all => 'no C compiler';

SKIP:
{
    skip 'python3-dateutil is not installed', 1
      if system('python3 -c "import dateutil" >/dev/null 2>&1') != 0;
    compare('dateutil', $ENV{AGENDA_RULES} // 300, [ 'python3', "$root/test/peers/dateutil_peer.py" ]);
}
SKIP:
{
    skip 'libical is not installed', 1 if !build('ical', '-lical');
    compare('libical', $ENV{AGENDA_RULES} // 1000, ["$out/ical"]);
}
done_testing();

sub build
{
    my ($name, @more) = @_;
    my @command = ('cc', '-std=gnu11', '-O1', '-o', "$out/$name", "$root/test/peers/$name.c", @more);
    my $log;
    return IPC::Run::run(\@command, '>&', \$log);
}

# Runs the same lines through both and reports where they differ.
sub compare
{
    my ($peer, $count, $command) = @_;
    my @rules = map { random_rule($peer) } 1 .. $count;
    my @lines = map { line($_) } @rules;
    my @ours = answers(["$out/ours"], \@lines);
    my @theirs = answers($command, \@lines);
    my %n = (compared => 0, timeout => 0, crash => 0, known => 0, known_differ => 0);
    my (%known, @different);

    foreach my $i (0 .. $#lines)
    {
        my $same = $theirs[$i] eq $ours[$i] || ($theirs[$i] eq 'error' && $ours[$i] eq '');
        if ($theirs[$i] =~ /^(timeout|crash)$/)
        {
            $n{$1}++;
        }
        elsif (my $name = known_error($peer, $rules[$i]))
        {
            $n{known}++;
            $n{known_differ}++, $known{$name}++ if !$same;
        }
        else
        {
            $n{compared}++;
            push @different, "$lines[$i]\n  ours   $ours[$i]\n  $peer $theirs[$i]" if !$same;
        }
    }
    ok(!@different, "$n{compared} of $count random rules agree with $peer")
      or diag(scalar(@different) . " differ:\n" . join "\n", grep { defined } @different[ 0 .. 4 ]);
    cmp_ok($n{compared} + $n{known}, '>', $count * 0.6, "$peer answered in time");
    cmp_ok($n{compared}, '>', $count * 0.4, "$peer is asked enough");
    diag("$peer: $count rules, $n{compared} compared, $n{timeout} took too long, $n{crash} crashed it, "
          . "$n{known} with a known error ($n{known_differ} differ)");
    note(join "\n", map { "$known{$_} differ: $_" } sort keys %known);
}

# the name of the first known error that a rule runs into
sub known_error
{
    my ($peer, $rule) = @_;
    foreach my $error (@{ $known_errors->{$peer} })
    {
        my ($name, undef, $fits) = @$error;
        return $name if $fits->($rule->{parts}, weekday_of($rule->{dtstart}));
    }
    return;
}

sub weekday_of
{
    my ($year, $month, $day) = $_[0] =~ /^(\d{4})(\d\d)(\d\d)/;
    return $weekday[ (localtime timelocal(0, 0, 12, $day, $month - 1, $year))[6] - 1 ];
}

sub answers
{
    my ($command, $lines) = @_;
    my ($answers, $error);
    IPC::Run::run($command, '<', \join('', map { "$_\n" } @$lines), '>', \$answers, '2>', \$error)
      or die "@$command: $error";
    my @answers = split /\n/, $answers, -1;
    s/ +$// foreach @answers;
    return @answers;
}

# ---- random rules ---------------------------------------------------------------------------

sub pick { return $_[ int rand @_ ] }

sub some
{
    my ($most, $draw) = @_;
    my %set = map { $draw->() => 1 } 1 .. 1 + int rand $most;
    return join ',', keys %set;
}

sub between { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }

sub signed { my ($high) = @_; return pick(1, 1, -1) * between(1, $high) }

# a comma list of some numbers or words, sorted
sub list
{
    my ($most, $draw) = @_;
    return join ',', sort { $a <=> $b } split /,/, some($most, $draw);
}

# BYDAY, with numbers up to $high or 0 for plain days
sub days
{
    my ($most, $high) = @_;
    my %set;
    foreach (1 .. 1 + int rand $most)
    {
        my $number = $high > 0 && rand() < 0.7 ? signed($high) : '';
        my $day = int rand 7;
        $set{"$number$weekday[$day]"} = $day;
    }
    return join ',', sort { $set{$a} <=> $set{$b} || $a cmp $b } keys %set;
}

sub random_rule
{
    my ($peer) = @_;
    my $freq = pick(@freq, @freq[ 0 .. 3 ]);
    my $years = $freq eq 'YEARLY';
    my $wkst = pick(0, 0, 0, between(0, 6));
    my %by;

    $by{BYMONTH} = list(3, sub { between(1, 12) }) if rand() < 0.3;
    $by{BYMONTHDAY} = list(3, sub { signed(31) }) if $freq ne 'WEEKLY' && rand() < 0.25;
    $by{BYYEARDAY} = list(3, sub { signed(366) }) if $freq !~ /^(DAILY|WEEKLY|MONTHLY)$/ && rand() < 0.15;
    $by{BYWEEKNO} = list(2, sub { signed(53) }) if $years && rand() < 0.2;
    $by{BYDAY} = days(3, $by{BYWEEKNO} ? 0 : $freq eq 'MONTHLY' || $by{BYMONTH} && $years ? 5 : $years ? 53 : 0)
      if rand() < 0.4;
    $by{BYHOUR} = list(3, sub { between(0, 23) }) if rand() < 0.2;
    $by{BYMINUTE} = list(3, sub { between(0, 59) }) if rand() < 0.15;
    $by{BYSECOND} = list(2, sub { between(0, 59) }) if rand() < 0.1;
    $by{BYSETPOS} = list(2, sub { signed(4) }) if %by && rand() < 0.2;
    return with_start($peer, $freq, $wkst, \%by);
}

sub with_start
{
    my ($peer, $freq, $wkst, $by) = @_;
    my %parts = (FREQ => $freq, %$by);
    my $interval = pick(1, 1, 1, 2, 3, between(1, 30));
    # dateutil begins its first period at DTSTART, RFC 5545 where the period begins
    my $start = start($peer eq 'dateutil' && $by->{BYSETPOS}, $freq, $wkst);

    $parts{INTERVAL} = $interval if $interval > 1;
    $parts{WKST} = $weekday[$wkst] if $wkst;
    $parts{COUNT} = between(1, 20) if rand() < 0.25;
    $parts{UNTIL} = start(0) if !$parts{COUNT} && rand() < 0.15;
    return { dtstart => $start, parts => \%parts };
}

sub start
{
    my ($at_beginning, $freq, $wkst) = @_;
    return sprintf '%04d0101T000000', between(1990, 2030) if $at_beginning && $freq ne 'WEEKLY';
    return sprintf '202603%02dT000000', 2 + $wkst if $at_beginning;
    return sprintf '%04d%02d%02dT%02d%02d%02d', between(1990, 2030), between(1, 12), between(1, 28),
      between(0, 23), pick(0, 30, between(0, 59)), pick(0, 0, between(0, 59));
}

sub line
{
    my ($rule) = @_;
    my $parts = $rule->{parts};
    return "$rule->{dtstart}\t" . join ';', map { "$_=$parts->{$_}" }
      sort { ($b eq 'FREQ') <=> ($a eq 'FREQ') || $a cmp $b } keys %$parts;
}
