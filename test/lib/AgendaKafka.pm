# AgendaKafka - a real single-node Apache Kafka (KRaft) for TAP tests, and the embedded broker.
#
#   use AgendaKafka;
#   plan skip_all => AgendaKafka->skip_reason if AgendaKafka->skip_reason;
#   my $kafka = AgendaKafka->new->start;
#   $kafka->create_topics('task-created:3', 'small:1:max.message.bytes=2000');
#   my $records = $kafka->consume([ 'task-created' ], count => 10);     # kcat
#   my $again   = $kafka->read_all('task-created');                     # Apache's Java client
#   $kafka->kill9; $kafka->start;                                       # same port, same data
#
#   my $broker = AgendaKafka::DevBroker->new->start(control => 1);
#   $broker->command('down 1');
#
# A record is { topic, partition, offset, key, headers => {...}, value, event }: value is the text,
# event the decoded JSON (undef if it is none).  Records of a partition come in its order.
#
# Topics are made when first used, with three partitions.  The jars come from test/kafka/fetch.sh
# into $AGENDA_KAFKA_LIB (default build/kafka/lib).  Processes belong to AgendaTest's spawn(), which
# ends them with the test; their output is in the log folder.
package AgendaKafka;

use strict;
use warnings;

use AgendaTest;
use File::Basename qw(basename);
use File::Path qw(make_path remove_tree);
use IPC::Run ();
use JSON::PP ();
use List::Util qw(max);
use PostgreSQL::Test::Utils;

my $root = $ENV{AGENDA_ROOT} // do { require FindBin; "$FindBin::RealBin/../.." };
my $lib = $ENV{AGENDA_KAFKA_LIB} // "$root/build/kafka/lib";
my @java = qw(java -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn);
my $json = JSON::PP->new->utf8;
my $instances = 0;

# Why there can be no real Kafka here, or undef.
sub skip_reason
{
    foreach my $program (qw(java kcat))
    {
        return "$program is not installed" unless grep { -x "$_/$program" } split /:/, $ENV{PATH};
    }
    return 'no jars of Apache Kafka (test/kafka/fetch.sh could not get them)'
      if $lib eq '' || !(() = glob("$lib/kafka_2.13-*.jar"));
    return;
}

# Settings are lines for the broker's configuration and win over ours; extra_listener is a listener
# (PROTOCOL://address:port) beside the one that the tests read by.  heap is how much memory it has: 1G is what
# Kafka's own scripts give; with as little as the tests need it stops for some ms twice a second to collect.
sub new
{
    my ($class, %settings) = @_;
    my $name = 'kafka' . ++$instances;
    my $self = bless {
        name => $name,
        heap => delete $settings{heap} // '256m',
        dir => "$PostgreSQL::Test::Utils::tmp_check/" . basename($0, '.t') . "_$name",
        port => free_port(),
        controller_port => free_port(),
        settings => \%settings,
    }, $class;

    remove_tree($self->{dir});
    make_path($self->{dir});
    $self->write_configuration;
    run_java('format', 'kafka.tools.StorageTool', 'format', '--standalone',
        '-t', 'AAAAAAAAQACAAAAAAAAAAQ', '-c', "$self->{dir}/server.properties");
    return $self;
}

sub write_configuration
{
    my ($self) = @_;
    my $broker = "PLAINTEXT://127.0.0.1:$self->{port}";
    my $controller = "CONTROLLER://127.0.0.1:$self->{controller_port}";
    my $listeners = join ',', $broker, $controller, delete $self->{settings}{extra_listener} // ();
    my %settings = (
        'process.roles' => 'broker,controller',
        'node.id' => 1,
        'controller.quorum.bootstrap.servers' => "127.0.0.1:$self->{controller_port}",
        'controller.listener.names' => 'CONTROLLER',
        'listeners' => $listeners,
        'advertised.listeners' => $listeners,
        'log.dirs' => "$self->{dir}/data",
        'offsets.topic.replication.factor' => 1,
        'offsets.topic.num.partitions' => 1,
        'transaction.state.log.replication.factor' => 1,
        'transaction.state.log.min.isr' => 1,
        'transaction.state.log.num.partitions' => 1,
        'auto.create.topics.enable' => 'true',
        'num.partitions' => 3,
        'num.network.threads' => 2,
        'num.io.threads' => 2,
        'log.cleaner.dedupe.buffer.size' => 8388608,
        # a broker that was killed may come back as soon as its old session is over
        'broker.session.timeout.ms' => 1500,
        'broker.heartbeat.interval.ms' => 300,
        %{ $self->{settings} });

    open my $file, '>', "$self->{dir}/server.properties" or die "server.properties: $!\n";
    print $file "$_=$settings{$_}\n" foreach sort keys %settings;
    close $file or die "server.properties: $!\n";
}

sub bootstrap { return "127.0.0.1:$_[0]{port}" }
sub port { return $_[0]{port} }

# Clients are told to come by this port (of a proxy) once they have found the broker.
sub advertise
{
    my ($self, $port) = @_;
    $self->{settings}{'advertised.listeners'} =
      "PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$self->{controller_port}";
    $self->write_configuration;
}

sub pid { return $_[0]{pid} }

# Starts it, for the first time or again with the same data, and waits until it serves.
sub start
{
    my ($self) = @_;

    $self->{pid} = spawn($self->{name},
        [ @java, "-Xms$self->{heap}", "-Xmx$self->{heap}", '-cp', "$lib/*", 'kafka.Kafka',
            "$self->{dir}/server.properties" ]);
    wait_until(
        sub {
            die "Kafka did not start, see the log of $self->{name}\n" unless kill 0, $self->{pid};
            return $self->answers;
        },
        'Kafka to start',
        max(120, $PostgreSQL::Test::Utils::timeout_default));
    return $self;
}

# Does it serve metadata, with itself as a broker that is alive?
sub answers
{
    my ($self) = @_;
    my ($ok, $out) = kcat('-L', '-J', '-m', 2, '-b', $self->bootstrap);
    return $ok && @{ $json->decode($out)->{brokers} };
}

# stop is orderly, kill9 is the crash; start() brings it back.
sub stop { stop_process(delete $_[0]{pid}, 'TERM') }
sub kill9 { stop_process(delete $_[0]{pid}, 'KILL') }

# 'NAME:PARTITIONS[:PROPERTY=VALUE...]'
sub create_topics
{
    my ($self, @topics) = @_;
    # on a starved machine the controller may have lost sight of the broker for a moment
    wait_until(
        sub {
            return 1 if eval { $self->admin('create', @topics); 1 };
            die $@ unless $@ =~ /brokers are currently fenced/;
            return 0;
        },
        'topics to be made');
}

# create | delete | deny | permit, see test/kafka/Admin.java
sub admin
{
    my ($self, @command) = @_;
    return run_java("@command", "$root/test/kafka/Admin.java", $self->bootstrap, @command);
}

# Reads the topics from the beginning by kcat, again and again until there are "count" records (or
# "until", called with the records, says true) or "timeout" seconds are over; returns the records
# of the last reading, whatever their number.  A topic that does not exist has none.
sub consume
{
    my ($self, $topics, %option) = @_;
    my $enough = $option{until} // sub { @{ $_[0] } >= ($option{count} // 0) };
    my $records = [];

    eval {
        wait_until(
            sub {
                $records = [ map { $self->read_topic($_) } @$topics ];
                return $enough->($records);
            },
            'records',
            $option{timeout} // 30);
    };
    die $@ if $@ && $@ !~ /^timed out/;
    return $records;
}

sub read_topic
{
    my ($self, $topic) = @_;
    my ($ok, $out) = kcat('-C', '-J', '-e', '-q', '-o', 'beginning', '-t', $topic,
        '-X', 'fetch.wait.max.ms=20', '-b', $self->bootstrap);

    # unknown topic, or broker away: the caller asks again
    return unless $ok;
    return map { record_of_kcat($_) } split /\n/, $out;
}

# Like read_topic() for many thousand records: without value and event, and ten times as fast.
sub read_headers
{
    my ($self, @topics) = @_;
    my @records;

    foreach my $topic (@topics)
    {
        my ($ok, $out) = kcat('-C', '-e', '-q', '-o', 'beginning', '-t', $topic,
            '-f', '%t\t%p\t%o\t%k\t%h\n', '-X', 'fetch.wait.max.ms=20', '-b', $self->bootstrap);
        next unless $ok;
        foreach my $line (split /\n/, $out)
        {
            my %record;
            (@record{qw(topic partition offset key)}, my $headers) = split /\t/, $line;
            $record{headers} = { map { split /=/, $_, 2 } split /,/, $headers };
            push @records, \%record;
        }
    }
    return \@records;
}

# Calls $visit->(partition, key, headers as kcat prints them) for each record of the topic, without
# keeping any.
sub each_header
{
    my ($self, $topic, $visit) = @_;

    open my $records, '-|', 'kcat', '-C', '-e', '-q', '-o', 'beginning', '-t', $topic,
      '-f', '%p\t%k\t%h\n', '-b', $self->bootstrap
      or die "kcat: $!\n";
    while (my $line = <$records>)
    {
        chomp $line;
        $visit->(split /\t/, $line, 3);
    }
    close $records or die "kcat failed\n";
}

# How many records the topic holds, without reading them; 0 while nobody answers.
sub count_records
{
    my ($self, $topic) = @_;
    my $count = 0;
    my (undef, $layout) = kcat('-L', '-J', '-m', 2, '-t', $topic, '-b', $self->bootstrap);
    my $found = eval { $json->decode($layout)->{topics}[0]{partitions} } // [];

    return 0 unless @$found;
    my (undef, $out) = kcat('-Q', '-b', $self->bootstrap,
        map { ('-t', "$topic:$_->{partition}:-1") } @$found);
    $count += $1 while $out =~ /offset (\d+)/g;
    return $count;
}

sub record_of_kcat
{
    my ($line) = @_;
    my $record = $json->decode($line);
    return {
        (map { $_ => $record->{$_} } qw(topic partition offset key)),
        headers => { @{ $record->{headers} // [] } },
        with_event($record->{payload}) };
}

# All records that the topics hold now, read by Apache's Java client.
sub read_all
{
    my ($self, @topics) = @_;
    my $out = run_java('read_all', "$root/test/kafka/ReadAll.java", $self->bootstrap, @topics);
    return [ map { my $record = $json->decode($_); +{ %$record, with_event($record->{value}) } }
          split /\n/, $out ];
}

sub with_event
{
    my ($value) = @_;
    my $event = eval { JSON::PP->new->decode($value) };
    return (value => $value, event => $event);
}

# (did it succeed, standard output)
sub kcat
{
    my @arguments = @_;
    my ($out, $err) = ('', '');
    my $ok = IPC::Run::run([ 'kcat', @arguments ], '<', \undef, '>', \$out, '2>', \$err);
    return ($ok, $out);
}

# Standard output of a Java program of ours or of Kafka's.
sub run_java
{
    my ($what, @command) = @_;
    my ($out, $err) = ('', '');
    IPC::Run::run([ @java, '-Xmx128m', '-cp', "$lib/*", @command ],
        '<', \undef, '>', \$out, '2>', \$err)
      or die "$what failed:\n$out$err";
    return $out;
}

# ---- the embedded broker, steered by its control protocol ------------------------------------
package AgendaKafka::DevBroker;

use strict;
use warnings;

use AgendaTest;
use Fcntl;
use File::Basename qw(basename);
use IO::Handle;
use POSIX ();
use PostgreSQL::Test::Utils;

# kcat reads it the same way
our @ISA = ('AgendaKafka');
my $brokers = 0;

sub new
{
    my ($class, %option) = @_;
    my $name = 'devbroker' . ++$brokers;
    my $base = "$PostgreSQL::Test::Utils::tmp_check/" . basename($0, '.t') . "_$name";
    return bless { name => $name, base => $base, brokers => $option{brokers} // 1 }, $class;
}

# The FIFO is held open by the test, so the broker sees the end of input when the test ends.
sub start
{
    my ($self) = @_;

    unlink "$self->{base}.control", "$self->{base}.address";
    POSIX::mkfifo("$self->{base}.control", 0600) or die "mkfifo: $!\n";
    sysopen $self->{control}, "$self->{base}.control", O_RDWR or die "control: $!\n";
    $self->{control}->autoflush(1);
    $self->{answers} = $self->answers_so_far;
    $self->{pid} = spawn($self->{name},
        [ 'sh', '-c', 'exec "$0" --control --brokers "$1" --address-file "$2" <"$3"',
            $ENV{AGENDA_DEVBROKER}, $self->{brokers}, "$self->{base}.address",
            "$self->{base}.control" ]);
    wait_until(sub { -s "$self->{base}.address" }, 'the development broker');
    chomp($self->{bootstrap} = slurp("$self->{base}.address"));
    return $self;
}

sub bootstrap { return $_[0]{bootstrap} }

# Sends a command (see agenda-devbroker --help) and waits for its "ok".
sub command
{
    my ($self, $line) = @_;

    print { $self->{control} } "$line\n";
    wait_until(sub { $self->answers_so_far > $self->{answers} }, "answer to $line");
    $self->{answers} = $self->answers_so_far;
    my ($last) = slurp(AgendaTest::log_file($self->{name})) =~ /((?:ok|error: .*))\n\z/;
    die "development broker: $line: $last\n" if $last ne 'ok';
}

sub answers_so_far
{
    my ($self) = @_;
    my $log = AgendaTest::log_file($self->{name});
    return 0 unless -e $log;
    my @answers = slurp($log) =~ /^(?:ok|error: .*)$/mg;
    return scalar @answers;
}

1;
