# 900_readme_tour.t - the commands of the README's tour really run, and show what it says.
#
# A copy of the checkout, built already, is started by "make run" on free ports as the user of the
# tests; the commands of the section are taken from README.md and run in one shell, in order.
use strict;
use warnings;

use AgendaCheckout;
use AgendaTest;
use Test::More;

# what the output of the block that contains the first text has to match
my @expected = (
    [ 'make run', qr/pg_agenda runs\..*^  REST    http:/ms, 'make run introduces itself' ],
    [ 'POST /recurring-tasks', qr/"next_due_at": *"\d{4}-\d\d-\d\dT0[78]:00:00Z"/, 'next_due_at is 09:00 in Berlin' ],
    [ 'POST /recurring-tasks', qr/"items": *\[\{.*"title": *"Stand-up"/, 'what the series owes is a task' ],
    [ 'GET /notifications', qr/"type": *"due_soon"/, 'the due-soon notification is there' ],
    [ '-t task-due-soon', qr/"type":"task\.created".*"type":"task\.due_soon"/s, 'Kafka has task-created and task-due-soon' ],
    [ 'make -s psql <<', qr/Pay the rent.*upcoming/, 'plain INSERT, and its due state' ],
    [ 'complete', qr/"status": *"completed".*"type":"task\.completed"/s, 'completed, and the event of it' ],
    [ 'USER=bob', qr/"items": *\[\].*"status": *404/s, 'another user sees nothing' ],
    [ 'first_occurrences', qr/2026-01-30 16:00:00\+00.*2026-02-27 16:00:00\+00/s, 'recurrence by itself' ]);

my $checkout = AgendaCheckout->new('tour');
my @blocks = tour(slurp("$ENV{AGENDA_ROOT}/README.md"));
cmp_ok(scalar(@blocks), '>=', 9, 'the README has a tour');

my ($status, @outputs) = run_blocks($checkout, @blocks);
is($status, 0, 'every command of the tour succeeds')
  or diag("the last block that ran:\n$blocks[$#outputs]\n$outputs[-1]");
foreach my $case (@expected)
{
    my ($text, $pattern, $what) = @$case;
    my ($number) = grep { index($blocks[$_], $text) >= 0 } 0 .. $#blocks;
    like($outputs[ $number // @blocks ] // '(did not run)', $pattern, $what);
}
isnt(system($checkout->command('status')), 0, 'afterwards nothing runs');
done_testing;

# The code blocks of the section "Five minutes".
sub tour
{
    my ($readme) = @_;
    my ($section) = $readme =~ /^## Five minutes\n(.*?)^## /ms;
    return ($section // '') =~ /^```sh\n(.*?)^```/msg;
}

# Runs them in one shell that stops at the first failure; returns its exit status and what each printed.
sub run_blocks
{
    my ($where, @commands) = @_;
    my $script = "cd '$where->{dir}'\nset -e -o pipefail\n"
      . join '', map { "echo '\@\@\@ block'\n$_" } @commands;
    my ($exit, $output) = $where->shell($script);
    my (undef, @parts) = split /^\@\@\@ block\n/m, $output;
    return ($exit, @parts);
}
