# run_tests.pl - runs every kind of test as one TAP harness and counts single tests.
#
# Called by test/run, as the user that may run PostgreSQL, with the environment described there.
# Kinds, told apart by path:
#   test/unit/test_*     C programs that print TAP
#   test/sql/*.sql       pgTAP, run by psql as superuser in the database "agenda" of one server
#   test/specs/*.spec    isolation specs, in the database "agenda_isolation" of the same server
#   test/t/*.t           Perl, mostly with PostgreSQL::Test::Cluster: each starts what it needs
#
# The last line of output is "N passed, N failed, N skipped".  A file that is skipped as a whole
# counts as one skipped test; a file that crashes, or runs another number of tests than it
# planned, counts as one failed test besides the failures it has reported.  The exit status is 0
# only if something ran and nothing failed.
use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use File::Basename qw(basename);
use TAP::Harness;
use TestServer;

$| = 1;

my $root = $ENV{AGENDA_ROOT};
my $out = $ENV{TESTDIR};
chdir $out or die "$out: $!\n";
my $server;
my $main_process = $$;
my $has_last_line;
my %skip_reasons;    # short name => { reason => number of tests }

# Interrupted: end the tests that run, each of which ends its own servers, then the shared one.
foreach my $signal (qw(INT TERM HUP))
{
    $SIG{$signal} = sub {
        local $SIG{$signal} = 'IGNORE';
        kill 'TERM', children($$);
        $has_last_line = 1;
        exit 130;
    };
}

END
{
    my $status = $?;
    $server->stop if $server;
    print "\n0 passed, 1 failed, 0 skipped\n" if !$has_last_line && $$ == $main_process;
    $? = $status;
}

exit main(@ARGV);

sub main
{
    my @arguments = @_;
    my %option = map { $_ => 1 } grep { /^--/ } @arguments;
    my @names = grep { !/^--/ } @arguments;

    my @files = select_files(\%option, \@names);
    if ($option{'--list'})
    {
        print short_name($_), "\n" foreach @files;
        $has_last_line = 1;
        return 0;
    }

    my $shared = grep { m{/test/(sql|specs)/} } @files;
    $server = TestServer->start("$out/shared") if $shared;

    my $aggregate = run_harness(@files);
    return report($aggregate, @files);
}

# All test files in the order in which a failure says most: the smallest parts first.
sub select_files
{
    my ($option, $names) = @_;

    my @unit = grep { -x && !-d && !/\.[a-z]+$/ } glob("$root/test/unit/test_*");
    my @files = (
        @unit,
        glob("$root/test/sql/*.sql"),
        glob("$root/test/specs/*.spec"),
        sort(glob("$root/test/t/*.t")));

    foreach my $kind (qw(unit sql specs t))
    {
        die "there are no tests in test/$kind\n" unless grep { m{/test/$kind/} } @files;
    }
    @files = grep { !m{/test/specs/} && (!m{/test/t/} || m{/010_}) } @files
      if $option->{'--fast'};
    @files = grep { my $file = $_; grep { index($file, $_) >= 0 } @$names } @files
      if @$names;
    return @files;
}

# The command that prints the TAP of a file.
sub command_for
{
    my ($file) = @_;

    return [ $file ] if $file =~ m{/test/unit/};
    return $server->psql_command($file) if $file =~ /\.sql$/;
    return $server->isolation_command($file, "$out/isolation")
      if $file =~ /\.spec$/;
    return [ $^X, $file ];
}

sub run_harness
{
    my @files = @_;
    my $harness = TAP::Harness->new(
        {
            verbosity => $ENV{AGENDA_TEST_VERBOSE} ? 1 : 0,
            timer => 1,
            failures => 1,
            comments => 0,
            exec => sub { command_for($_[1]) },
        });
    $harness->callback(
        made_parser => sub {
            my ($parser, $job) = @_;
            my $failing = 0;
            # pgTAP explains a failure in comments on the same stream
            $parser->callback(
                comment => sub { print STDERR $_[0]->as_string, "\n" if $failing });
            $parser->callback(
                test => sub {
                    my ($test) = @_;
                    $failing = !$test->is_ok;
                    $skip_reasons{ $job->[1] }{ $test->explanation }++ if $test->has_skip;
                });
        });
    return $harness->runtests(map { [ $_, short_name($_) ] } @files);
}

sub short_name
{
    my ($file) = @_;
    $file =~ s{^\Q$root\E/}{};
    return $file;
}

# Counts single tests over all files, shows the logs of what failed, prints the last line.
sub report
{
    my ($aggregate, @files) = @_;
    my ($passed, $failed, $skipped) = (0, 0, 0);
    my (@bad, @reasons, %shown);

    foreach my $file (@files)
    {
        my $short = short_name($file);
        my ($parser) = $aggregate->parsers($short);
        my $count = count_file($parser);
        $passed += $count->{passed};
        $failed += $count->{failed};
        $skipped += $count->{skipped};
        push @bad, $file if $count->{failed};
        push @reasons, "$short: " . $parser->skip_all if $parser && $parser->skip_all;
        push @reasons, map { "$short: $skip_reasons{$short}{$_} of them: $_" }
          sort keys %{ $skip_reasons{$short} };
    }

    show_log($_) foreach grep { !$shown{$_}++ } map { logs_of($_) } @bad;
    if (@reasons)
    {
        print "\nskipped:\n";
        print "  $_\n" foreach @reasons;
    }
    if (@bad)
    {
        print "\nfailed:\n";
        print "  " . short_name($_) . "\n" foreach @bad;
    }
    $has_last_line = 1;
    print "\n$passed passed, $failed failed, $skipped skipped\n";
    return ($failed || !($passed + $skipped)) ? 1 : 0;
}

sub count_file
{
    my ($parser) = @_;
    my %count = (passed => 0, failed => 1, skipped => 0);

    # a file that the harness did not come to
    return \%count unless $parser;

    if ($parser->skip_all && !$parser->exit)
    {
        return { passed => 0, failed => 0, skipped => 1 };
    }
    $count{skipped} = () = $parser->skipped;
    $count{passed} = (() = $parser->passed) - $count{skipped};
    $count{failed} = () = $parser->failed;

    # Broken apart from its failed tests: wrong plan, bad TAP, or death with all tests passed.
    my $broken = $parser->parse_errors || !$parser->tests_run;
    $broken ||= $parser->exit && !$count{failed};
    $count{failed}++ if $broken;
    return \%count;
}

# The logs that a failed file may have left.
sub logs_of
{
    my ($file) = @_;
    my $name = basename($file, '.t');

    return (glob("$out/tmp_check/log/regress_log_$name"), glob("$out/tmp_check/log/${name}_*.log"))
      if $file =~ /\.t$/;
    return $file =~ /\.(sql|spec)$/ ? ($server->log) : ();
}

sub show_log
{
    my ($log) = @_;
    print "\n---- end of $log\n";
    print tail($log, 60);
}

sub tail
{
    my ($log, $count) = @_;
    open my $in, '<', $log or return "(cannot be read: $!)\n";
    my @lines = <$in>;
    splice @lines, 0, @lines - $count if @lines > $count;
    return @lines;
}

# The direct children of a process.
sub children
{
    my ($pid) = @_;
    my @found;

    foreach my $stat (glob('/proc/[0-9]*/stat'))
    {
        open my $in, '<', $stat or next;
        my $line = <$in> // '';
        push @found, $1 if $line =~ /^(\d+) \(.*\) \S (\d+)/s && $2 == $pid;
    }
    return @found;
}
