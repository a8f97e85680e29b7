# 150_rrule_differential.t - fresh random rules, compared with python3-dateutil and libical.
#
# The seed stands in the output; AGENDA_SEED repeats a run.  The programs are those of test/peers/.
# Rules that run into a known error of a peer are not given to it:
#
# dateutil 2.8.2
#   - BYDAY with and without numbers together: it takes what both allow (RFC 5545 3.3.10 and its own
#     examples: either).
#   - BYSETPOS: its first period begins at DTSTART (RFC: at the period's beginning), so these rules
#     start at the beginning of a period.
#   - weeks 1, 52 and 53, whose days lie in two years: it leaves some out (its issue 1537).
#   - no SKIP (RFC 7529).
# libical 3.0.16
#   - finer than a day: hangs, or stops, on rules with filters.
#   - BYSETPOS, BYWEEKNO, BYYEARDAY: wrong or refused in combinations; BYMONTHDAY of a year without
#     BYMONTH is filled from DTSTART, which RFC 5545 changed (its table says: expand).
#   - negative BYMONTHDAY and BYDAY in FREQ=DAILY: empty (reference case: BYMONTHDAY=-29,-28;BYDAY=SA).
#   - WEEKLY with INTERVAL and BYDAY from a DTSTART that is no occurrence: leaves out what is left of
#     the first week.
use strict;
use warnings;

use IPC::Run ();
use Test::More;

my $root = $ENV{AGENDA_ROOT};
my $out = $ENV{TESTDIR};
my $seed = $ENV{AGENDA_SEED} // time;
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
    compare('dateutil', 500, \&for_dateutil, [ 'python3', "$root/test/peers/dateutil_peer.py" ]);
}
SKIP:
{
    skip 'libical is not installed', 1 if !build('ical', '-lical');
    compare('libical', 2000, \&for_libical, ["$out/ical"]);
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
    my ($peer, $count, $make, $command) = @_;
    my @lines = map { $make->() } 1 .. $count;
    my @ours = answers(["$out/ours"], \@lines);
    my @theirs = answers($command, \@lines);
    my ($compared, @different) = (0);

    foreach my $i (0 .. $#lines)
    {
        next if $theirs[$i] eq 'timeout';
        $compared++;
        # where INTERVAL and a filter never meet dateutil says so by an error
        next if $theirs[$i] eq 'error' && $ours[$i] eq '' && $peer eq 'dateutil';
        push @different, "$lines[$i]\n  ours   $ours[$i]\n  $peer $theirs[$i]" if $ours[$i] ne $theirs[$i];
    }
    ok(!@different, "$compared of $count random rules agree with $peer")
      or diag(scalar(@different) . " differ:\n" . join "\n", grep { defined } @different[ 0 .. 4 ]);
    cmp_ok($compared, '>', $count * 0.5, "$peer answered in time");
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

sub numbered_days
{
    my ($high) = @_;
    return some(2, sub { signed($high) . pick(@weekday) });
}

sub start
{
    my ($at_beginning, $freq, $wkst) = @_;
    return sprintf '%04d0101T000000', between(1990, 2030) if $at_beginning && $freq ne 'WEEKLY';
    return sprintf '202603%02dT000000', 2 + $wkst if $at_beginning;
    return sprintf '%04d%02d%02dT%02d%02d%02d', between(1990, 2030), between(1, 12), between(1, 28),
      between(0, 23), pick(0, 30, between(0, 59)), pick(0, 0, between(0, 59));
}

sub for_dateutil
{
    my $freq = pick(@freq);
    my $wkst = pick(0, 0, 0, between(0, 6));
    my %by;
    my $slow = $freq eq 'YEARLY' || $freq eq 'MONTHLY';

    $by{BYMONTH} = some(3, sub { between(1, 12) }) if rand() < 0.3;
    $by{BYMONTHDAY} = some(3, sub { signed(31) }) if $freq ne 'WEEKLY' && rand() < 0.25;
    $by{BYYEARDAY} = some(3, sub { signed(366) }) if $freq =~ /^(YEARLY|HOURLY|MINUTELY)$/ && rand() < 0.15;
    $by{BYWEEKNO} = some(2, sub { pick(1, -1) * between(3, 50) }) if $freq eq 'YEARLY' && rand() < 0.15;
    $by{BYDAY} = $slow && !$by{BYWEEKNO} && rand() < 0.5 ? numbered_days($freq eq 'YEARLY' && !$by{BYMONTH} ? 50 : 5)
      : some(3, sub { pick(@weekday) })
      if rand() < 0.4;
    $by{BYHOUR} = some(3, sub { between(0, 23) }) if rand() < 0.25;
    $by{BYMINUTE} = some(3, sub { between(0, 59) }) if rand() < 0.2;
    $by{BYSECOND} = some(2, sub { between(0, 59) }) if rand() < 0.15;
    my $places = %by && rand() < 0.2;
    $by{BYSETPOS} = some(2, sub { signed(4) }) if $places && $freq !~ /^(HOURLY|MINUTELY|SECONDLY)$/;
    return line(start($by{BYSETPOS}, $freq, $wkst), $freq, $wkst, \%by);
}

sub for_libical
{
    my $freq = pick(@freq[ 0 .. 3 ]);
    my $wkst = pick(0, 0, 0, between(0, 6));
    my %by;

    if ($freq eq 'YEARLY')
    {
        $by{BYMONTH} = some(3, sub { between(1, 12) });
        $by{BYDAY} = numbered_days(4) if rand() < 0.5;
    }
    elsif ($freq eq 'MONTHLY')
    {
        pick(sub { $by{BYMONTHDAY} = some(3, sub { signed(28) }) }, sub { $by{BYDAY} = numbered_days(4) },
            sub { $by{BYDAY} = some(3, sub { pick(@weekday) }) })->();
    }
    else
    {
        $by{BYDAY} = some(3, sub { pick(@weekday) }) if $freq eq 'WEEKLY' && rand() < 0.6;
    }
    return line(start(0, $freq, $wkst), $freq, $wkst, \%by, $freq eq 'WEEKLY' && $by{BYDAY} ? 1 : ());
}

sub line
{
    my ($dtstart, $freq, $wkst, $by, $interval) = @_;
    my @parts = ("FREQ=$freq");
    $interval //= pick(1, 1, 1, 2, 3, between(1, 30));
    push @parts, "INTERVAL=$interval" if $interval > 1;
    push @parts, "COUNT=" . between(1, 20) if rand() < 0.3;
    push @parts, map { "$_=$by->{$_}" } sort keys %$by;
    push @parts, "WKST=$weekday[$wkst]" if $wkst;
    return "$dtstart\t" . join ';', @parts;
}
