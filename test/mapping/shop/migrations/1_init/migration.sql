CREATE TABLE categories (
  id uuid PRIMARY KEY,
  parent_id uuid REFERENCES categories,
  name varchar(20) NOT NULL
);
CREATE TABLE products (
  id uuid PRIMARY KEY,
  category_id uuid REFERENCES categories,
  sku varchar(12) NOT NULL UNIQUE,
  price numeric(10,2) NOT NULL CHECK (price >= 0),
  stock integer NOT NULL,
  status varchar(10) NOT NULL DEFAULT 'draft',
  related_ids uuid[] NOT NULL,
  extra jsonb
);
CREATE TABLE orders (
  id uuid PRIMARY KEY,
  number varchar(20) NOT NULL UNIQUE,
  placed_at timestamptz(3) NOT NULL
);
CREATE TABLE order_lines (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  order_id uuid NOT NULL REFERENCES orders ON DELETE CASCADE,
  position integer NOT NULL,
  product_id uuid NOT NULL REFERENCES products,
  quantity integer NOT NULL,
  unit_price numeric(10,2) NOT NULL,
  note text,
  UNIQUE (order_id, position)
);
CREATE TABLE notes (id uuid PRIMARY KEY, text text NOT NULL);
CREATE TABLE people (id uuid PRIMARY KEY, first text NOT NULL, last text NOT NULL);
