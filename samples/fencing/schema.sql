-- Who may write the accounts of a partition: the owner of this epoch alone.
-- Epochs belong to a cluster. Whoever founds another one over this database
-- empties this table first, or all its owners are refused.
CREATE TABLE fence (
  partition integer PRIMARY KEY,
  epoch     bigint NOT NULL,
  owner     text NOT NULL -- name of a node, for people
);

-- Filed under their partition, so the region keeps its number of partitions.
CREATE TABLE account (
  name      text PRIMARY KEY,
  partition integer NOT NULL,
  balance   bigint NOT NULL CHECK (balance >= 0)
);

CREATE INDEX account_by_partition ON account (partition);
