CREATE TABLE IF NOT EXISTS items (id int PRIMARY KEY, name text);
INSERT INTO items VALUES (0, 'pen'), (1, 'ink'), (2, 'paper') ON CONFLICT DO NOTHING;
CREATE TABLE IF NOT EXISTS orders (item int REFERENCES items, tag text);
