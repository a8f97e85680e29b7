# known_errors.pl - what t/150_rrule_differential.t does not ask the peers, and why: their known errors.
#
# peer => list of [name, reason, does a rule run into it?].  The function gets the parts of the rule
# and the weekday of DTSTART.  Each was seen in a run of this test; a rule that fits is left out of the
# comparison, and is counted as differing or not.  Besides, both peers: what they do not answer
# within their time is not compared; a rule that never occurs may be an error to them.  libical keeps
# the lists of a rule in the order in which they are written, so the test writes them sorted.
use strict;
use warnings;

my %by_time = (HOURLY => ['BYHOUR'], MINUTELY => [ 'BYHOUR', 'BYMINUTE' ], SECONDLY => [ 'BYHOUR', 'BYMINUTE', 'BYSECOND' ]);

return {
    # python3-dateutil 2.8.2 and 2.9.0
    dateutil => [
        [   'BYDAY with and without number',
            'takes what both allow; RFC 5545 3.3.10 and its examples: either',
            sub { my ($p) = @_; return ($p->{BYDAY} // '') =~ /\d/ && ",$p->{BYDAY}" =~ /,[A-Z]/ } ],
        [   'BYWEEKNO of weeks that lie in two years',
            'leaves out days of weeks 1, 52 and 53 (its issue 1537)',
            sub { my ($p) = @_; return ",$p->{BYWEEKNO}," =~ /,-?(1|2|51|52|53),/ if $p->{BYWEEKNO} } ],
    ],
    # libical 3.0.16
    libical => [
        [   'BYSETPOS of weeks, days and shorter periods',
            'is ignored there; RFC 5545: any FREQ',
            sub { my ($p) = @_; return $p->{BYSETPOS} && $p->{FREQ} !~ /^(YEARLY|MONTHLY)$/ } ],
        [   'BYSETPOS with several times of day',
            'counts the days only; RFC 5545 3.3.10: the set of the period, times included',
            sub { my ($p) = @_; return $p->{BYSETPOS} && grep { ($p->{$_} // '') =~ /,/ } qw(BYHOUR BYMINUTE BYSECOND) } ],
        [   'negative days as a filter',
            'BYMONTHDAY=-1, BYYEARDAY=-1 match nothing in FREQ=DAILY and shorter',
            sub { my ($p) = @_; return $p->{FREQ} !~ /^(YEARLY|MONTHLY)$/ && (($p->{BYMONTHDAY} // '') . ($p->{BYYEARDAY} // '')) =~ /-/ } ],
        [   'negative BYWEEKNO',
            'is another week than the last but so many',
            sub { my ($p) = @_; return ($p->{BYWEEKNO} // '') =~ /-/ } ],
        [   'BYMONTHDAY of a year without BYMONTH',
            'takes the month from DTSTART, as RFC 2445; the table of RFC 5545: expand',
            sub { my ($p) = @_; return $p->{FREQ} eq 'YEARLY' && $p->{BYMONTHDAY} && !$p->{BYMONTH} } ],
        [   'BYWEEKNO without BYDAY',
            'takes the weekday from DTSTART, as RFC 2445; the table of RFC 5545: expand',
            sub { my ($p) = @_; return $p->{BYWEEKNO} && !$p->{BYDAY} } ],
        [   'two of BYMONTH, BYWEEKNO and BYYEARDAY',
            'refused if one has none of the days of the other; RFC 5545: what both allow',
            sub { my ($p) = @_; return (grep { exists $p->{$_} } qw(BYMONTH BYWEEKNO BYYEARDAY)) > 1 && $p->{FREQ} eq 'YEARLY' } ],
        [   'BYWEEKNO of weeks that lie in two years',
            'no error but the other reading: its period is the year of the weeks, ours the calendar year; the RFC does not say',
            sub { my ($p) = @_; return ",$p->{BYWEEKNO}," =~ /,(1|52|53),/ if $p->{BYWEEKNO} } ],
        [   'hours by the hour, and so on',
            'a part that limits (BYHOUR of HOURLY and MINUTELY ...) is expanded, whatever INTERVAL says, and the first is lost',
            sub { my ($p) = @_; return grep { exists $p->{$_} } @{ $by_time{ $p->{FREQ} } // [] } } ],
        [   'every n weeks from a DTSTART that is no occurrence, or with WKST',
            'leaves out what is left of the first week, with WKST sometimes DTSTART itself',
            sub {
                my ($p, $weekday) = @_;
                return $p->{FREQ} eq 'WEEKLY' && $p->{INTERVAL} && $p->{BYDAY}
                  && ($p->{BYDAY} !~ /$weekday/ || grep { exists $p->{$_} } qw(WKST BYMONTH BYHOUR BYMINUTE BYSECOND));
            } ],
        [   'BYSETPOS where two numbers may name one day',
            'counts that day twice (BYMONTHDAY=-18,14 in a month of 31 days)',
            sub { my ($p) = @_; return $p->{BYSETPOS} && grep { ($p->{$_} // '') =~ /,/ && $p->{$_} =~ /-/ } qw(BYMONTHDAY BYYEARDAY BYDAY) } ],
    ],
};
