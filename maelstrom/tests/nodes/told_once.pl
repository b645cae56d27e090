#!/usr/bin/env perl
# A broadcast that tells every other node once, and never asks whether it was heard.
use strict;
use warnings;
use JSON::PP;

$| = 1;
my $json = JSON::PP->new->canonical;
my ($id, @others, %messages);

sub send_to {
    my ($dest, $body) = @_;
    print $json->encode({ src => $id, dest => $dest, body => $body }), "\n";
}

sub take {
    my ($message) = @_;
    my $body = $message->{body};
    my $kind = $body->{type};
    if ($kind eq 'tell') {
        $messages{ $body->{message} } = 1;
        return;
    }
    if ($kind eq 'init') {
        $id = $body->{node_id};
        @others = grep { $_ ne $id } @{ $body->{node_ids} };
    }
    my $reply = { type => "${kind}_ok", in_reply_to => $body->{msg_id} };
    if ($kind eq 'broadcast') {
        $messages{ $body->{message} } = 1;
        send_to($_, { type => 'tell', message => $body->{message} }) for @others;
    }
    $reply->{messages} = [ map { 0 + $_ } sort { $a <=> $b } keys %messages ] if $kind eq 'read';
    send_to($message->{src}, $reply);
}

while (my $line = <STDIN>) {
    my $step = $json->decode($line);
    my $message = $ENV{MAELSTROM_LOCKSTEP} ? $step->{message} : $step;
    take($message) if $message;
    print qq({"idle": null}\n) if $ENV{MAELSTROM_LOCKSTEP};
}
