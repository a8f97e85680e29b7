# AgendaCheckout - a private copy of this checkout with ports of its own, for tests of make run.
#
#   my $checkout = AgendaCheckout->new('name');
#   my ($status, $output) = $checkout->make('run');
#
# The copy has what has been built already, but neither .run nor build/.  When the test ends,
# however it ends, "make stop" ends what was started there.
package AgendaCheckout;

use strict;
use warnings;

use AgendaTest;
use File::Path qw(remove_tree);
use PostgreSQL::Test::Utils;

my @checkouts;

sub new
{
    my ($class, $name) = @_;
    my $self = bless {
        dir => "$PostgreSQL::Test::Utils::tmp_check/checkout_$name",
        port => free_port(),
        pgport => free_port(),
    }, $class;

    remove_tree($self->{dir});
    mkdir $self->{dir} or die "$self->{dir}: $!";
    system("tar -C '$ENV{AGENDA_ROOT}' --exclude=./.git --exclude=./.run --exclude=./build -cf - . "
          . "| tar -C '$self->{dir}' -xf -") == 0
      or die 'the checkout cannot be copied';
    push @checkouts, $self;
    return $self;
}

# A make command in the copy, as a list for system().
sub command
{
    my ($self, @arguments) = @_;
    return (
        'env', '-u', 'AGENDA_KAFKA_BROKERS', "AGENDA_PORT=$self->{port}", "AGENDA_PGPORT=$self->{pgport}",
        'make', '--no-print-directory', '-C', $self->{dir}, @arguments);
}

# Runs make; returns exit status, standard output and standard error.
sub make
{
    my ($self, @arguments) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ $self->command(@arguments) ], '<', \'', '>', \$out, '2>', \$err);
    return ($? >> 8, $out, $err);
}

# Runs a script by bash with the ports of this copy; returns exit status and all output together.
sub shell
{
    my ($self, $script) = @_;
    my $output = '';
    IPC::Run::run([ 'env', "AGENDA_PORT=$self->{port}", "AGENDA_PGPORT=$self->{pgport}", 'bash', '-c', $script ],
        '<', \'', '>&', \$output);
    return ($? >> 8, $output);
}

END
{
    my $status = $?;
    system($_->command('-s', 'stop')) foreach @checkouts;
    $? = $status;
}

1;
