-- SPDX-License-Identifier: Apache-2.0
-- shop_my.sql - tables and a user of the MariaDB of the tests. A second run changes nothing.
CREATE DATABASE IF NOT EXISTS shop;
CREATE DATABASE IF NOT EXISTS other;
CREATE USER IF NOT EXISTS app@'%' IDENTIFIED BY 'SECRETpw';
GRANT ALL ON shop.* TO app@'%';
GRANT ALL ON other.* TO app@'%';
CREATE TABLE IF NOT EXISTS shop.items (id INT PRIMARY KEY, name VARCHAR(40), note VARCHAR(40));
INSERT IGNORE INTO shop.items VALUES (1, 'ink', 'a'), (2, 'pen', 'b'), (3, 'pad', 'c');
CREATE TABLE IF NOT EXISTS shop.bulk (id INT, line VARCHAR(200));
DELIMITER $
CREATE OR REPLACE PROCEDURE shop.two() BEGIN SELECT 1 AS a; SELECT name FROM shop.items; END$
