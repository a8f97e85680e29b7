# 920_runner.t - the runner counts single tests, and nothing that goes wrong counts as passed:
# failures, crashes, wrong plans, skips, and a run in which nothing ran.
use strict;
use warnings;

use AgendaTest;
use File::Path qw(make_path);
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;

my $tree = "$PostgreSQL::Test::Utils::tmp_check/runner";
make_path("$tree/out", map { "$tree/test/$_" } qw(unit sql specs t));
# every kind has to be there
write_file("test/$_", '') foreach qw(sql/x.sql specs/x.spec t/x.t);

program('good', 'echo 1..2; echo ok 1; echo ok 2');
program('bad', 'echo 1..2; echo ok 1; echo not ok 2; exit 1');
program('crash', 'echo 1..3; echo ok 1; kill -SEGV $$');
program('short', 'echo 1..3; echo ok 1; echo ok 2');
program('late', 'echo 1..1; echo ok 1; exit 3');
program('mute', 'true');
program('skip', 'echo 1..2; echo ok 1; echo "ok 2 # SKIP no such thing here"');
program('nothing', 'echo "1..0 # SKIP nothing to do"');

counts('good', '2 passed, 0 failed, 0 skipped', 0);
counts('bad', '1 passed, 1 failed, 0 skipped', 1);
counts('crash', '1 passed, 1 failed, 0 skipped', 1);
counts('short', '2 passed, 1 failed, 0 skipped', 1);
counts('late', '1 passed, 1 failed, 0 skipped', 1);
counts('mute', '0 passed, 1 failed, 0 skipped', 1);
counts('skip', '1 passed, 0 failed, 1 skipped', 0, qr/no such thing here/);
counts('nothing', '0 passed, 0 failed, 1 skipped', 0, qr/nothing to do/);
counts('test_', '8 passed, 5 failed, 2 skipped', 1);
counts('no_such_test', '0 passed, 0 failed, 0 skipped', 1);
done_testing;

sub write_file
{
    my ($name, $text) = @_;
    open my $out, '>', "$tree/$name" or die "$name: $!";
    print $out $text;
    close $out or die "$name: $!";
}

sub program
{
    my ($name, $script) = @_;
    write_file("test/unit/test_$name", "#!/bin/sh\n$script\n");
    chmod 0755, "$tree/test/unit/test_$name";
}

# Runs the files whose names contain the word; the last line, the exit status and the text agree.
sub counts
{
    my ($word, $last_line, $status, $text) = @_;
    my $output = '';
    IPC::Run::run(
        [ 'env', "AGENDA_ROOT=$tree", "TESTDIR=$tree/out", $^X, "$ENV{AGENDA_ROOT}/test/lib/run_tests.pl",
            $word =~ /^test_|^no_/ ? $word : "test_$word" ],
        '<', \'', '>', \$output, '2>', '/dev/null');
    is((split /\n/, $output)[-1], $last_line, "$word: $last_line");
    is($? >> 8, $status, "$word: exit status");
    like($output, $text, "$word: the reason is given") if $text;
}
