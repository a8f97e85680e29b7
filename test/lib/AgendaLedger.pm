# AgendaLedger - mixed load with a ledger of what was acknowledged, for tests that make trouble meanwhile.
#
#   my $ledger = AgendaLedger->new(sub { $node });           # the server that holds the truth in the end
#   $ledger->survives('the server is restarted', [ $gateway->{port} ], sub { $node->restart; });
#
# Four writers create tasks and read between; every other task has an Idempotency-Key and is sent until it is
# acknowledged, the rest is sent once.  Afterwards the ledger is compared with the tables: nothing that was acknowledged
# is missing, nothing is there twice, and whatever was refused was refused as it should be.
package AgendaLedger;

use strict;
use warnings;

use AgendaGateway;
use AgendaTest;
use POSIX ();
use PostgreSQL::Test::Utils ();
use Test::More;
use Time::HiRes qw(usleep);

my $WRITERS = 4;
my $LINES = 40;    # of the ledger before and after the trouble
my $REFUSALS = 3;    # in a row, of a writer that gets nothing through
my $parent = $$;

sub new
{
    my ($class, $node) = @_;
    return bless { node => $node, dir => PostgreSQL::Test::Utils::tempdir(), phase => 0 }, $class;
}

sub sql { return $_[0]{node}->()->safe_psql('agenda', $_[1]) }

# In what way an answer is not what the document promises; empty if it is.
sub fault_of
{
    my ($answer, $wanted) = @_;
    my ($status, $headers) = @{$answer}{qw(status headers)};
    return '' if $status == $wanted;
    # a request under the same key may still be under way on a connection that was given up
    return '' if $status == 409 && ($answer->{json}{code} // '') eq 'YA020';
    return "$status " . substr $answer->{content} // '', 0, 300 unless $status == 503;
    return '503 without a problem document' unless ($headers->{'content-type'} // '') eq 'application/problem+json';
    return '503 without Retry-After' unless ($headers->{'retry-after'} // '') =~ /^[1-9]/;
    return '';
}

# A writer in a process of its own: one line "title keyed status" for each task, "! fault" for each wrong answer, "~n" for the
# n-th time in a row that a keyed one was refused.
sub writer
{
    my ($name, $port, $file) = @_;
    my $pid = fork() // die "fork: $!";
    return $pid if $pid;
    my $stop = 0;
    $SIG{TERM} = sub { $stop = 1 };
    my $gateway = bless { port => $port }, 'AgendaGateway';
    my $client = $gateway->user($name);
    open my $out, '>', $file or POSIX::_exit(1);
    $out->autoflush(1);
    my $note = sub {
        my $fault = fault_of(@_);
        # the signal that ends this interrupts an answer
        print $out "! $fault\n" if $fault && !$stop;
    };
    for (my $n = 1; !$stop && getppid == $parent; $n++)
    {
        my $keyed = $n % 2;
        my @headers = $keyed ? ('Idempotency-Key' => "$name-$n") : ();
        my $refused = 0;
        my $answer;
        do
        {
            $answer = $client->post('/tasks', { title => "$name-$n" }, @headers);
            $note->($answer, 201);
            print $out '~' . ++$refused . "\n" if $keyed && $answer->{status} != 201;
            $note->($client->get('/tasks?page_size=1'), 200) unless $n % 5;
            usleep(10_000) if $answer->{status} != 201;
        } while ($keyed && $answer->{status} != 201 && $answer->{status} != 422 && !$stop && getppid == $parent);
        print $out "$name-$n $keyed $answer->{status}\n" unless $stop && $answer->{status} != 201;
    }
    close $out;
    POSIX::_exit(0);
}

sub lines
{
    my ($self, @names) = @_;
    my @lines;
    foreach my $name (grep { -e "$self->{dir}/$_" } @names)
    {
        push @lines, split /\n/, slurp("$self->{dir}/$name");
    }
    return @lines;
}

sub acknowledged { my ($self) = @_; return scalar grep { / 201$/ } $self->lines(@{ $self->{names} }) }

sub wait_for_load
{
    my ($self, $what) = @_;
    my $before = $self->acknowledged;
    return wait_until(sub { $self->acknowledged > $before + $LINES }, $what);
}

# Until no writer gets anything through any more: each has been refused again and again.
sub wait_for_refusals
{
    my ($self) = @_;
    my $refused = sub { return (($self->lines($_[0]))[-1] // '') =~ /^~(\d+)$/ && $1 >= $REFUSALS };
    return wait_until(sub { !grep { !$refused->($_) } @{ $self->{names} } }, 'the writers to be refused');
}

# Runs the writers while the trouble happens, waits until all goes on, and compares.
sub survives
{
    my ($self, $what, $ports, $trouble) = @_;
    # keys are remembered beyond the tasks
    my $phase = ++$self->{phase};
    my @names = map { "p${phase}w$_" } 1 .. $WRITERS;
    $self->{names} = \@names;
    $self->sql('delete from agenda.tasks');
    my @pids = map { writer($names[$_], $ports->[ $_ % @$ports ], "$self->{dir}/$names[$_]") } 0 .. $#names;
    $self->wait_for_load('the load');
    $trouble->();
    $self->wait_for_load('the load to go on');
    kill 'TERM', @pids;
    waitpid $_, 0 foreach @pids;
    return $self->compare($what, $self->lines(@names));
}

sub compare
{
    my ($self, $what, @lines) = @_;
    my %count = map { split /\|/ } split /\n/, $self->sql('select title, count(*) from agenda.tasks group by title');
    my ($acknowledged, $lost, $doubled, $unfinished, $unknown) = (0) x 5;
    foreach my $line (grep { !/^[!~]/ } @lines)
    {
        my ($title, $keyed, $status) = split / /, $line;
        my $n = $count{$title} // 0;
        $acknowledged++ if $status == 201;
        $lost++ if $status == 201 && $n == 0;
        $doubled++ if $n > 1;
        $unfinished++ if $keyed && $status != 201;
        $unknown++ if !$keyed && $status != 201;
    }
    is("$lost $doubled $unfinished", '0 0 0',
        "$what: $acknowledged acknowledged, none lost, none doubled; $unknown without a key refused or unknown");
    cmp_ok($acknowledged, '>', $LINES, 'there was a load');
    my @faults = grep { /^!/ } @lines;
    is(scalar @faults, 0, 'who was refused got 503, a problem document and Retry-After') or diag(join "\n", @faults[ 0 .. (@faults > 5 ? 5 : $#faults) ]);
    return;
}

1;
