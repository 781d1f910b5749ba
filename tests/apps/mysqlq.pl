#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# mysqlq.pl PORT - prepared statements of the binary protocol, by MariaDB's C library.
use strict;
use warnings;
use DBI;

my $db = DBI->connect("DBI:mysql:database=shop;host=127.0.0.1;port=$ARGV[0];mysql_ssl=0",
	'app', 'SECRETpw', {RaiseError => 0, PrintError => 0, mysql_server_prepare => 1});
my $items = $db->prepare('SELECT name, note FROM items WHERE id = ? AND name <> "SECRETVAL"');
for my $id (1 .. 5) {
	$items->execute($id);
	my $rows = $items->fetchall_arrayref;
	die "rows" unless @$rows == ($id <= 3 ? 1 : 0);
}
my $insert = $db->prepare('INSERT INTO items VALUES (?, ?, ?)');
$insert->execute(1, 'SECRETVAL', 'x');
die "no error" unless $insert->err == 1062;
$items->finish;
my $bad = $db->prepare('SELECT a FROM nowhere WHERE b = ?');
die "no error" unless $db->err == 1146;
$db->ping;
$db->disconnect;
print "ok\n";
