/**
 * The ERP's tables as they are at Supabase: the same columns as on the new side but for two habits of the old product,
 * the telephone number is in `tel` and the stage of a lead is plain text.
 */
export const LEGACY_SCHEMA = `
CREATE TABLE IF NOT EXISTS clients (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  email varchar(255) NOT NULL UNIQUE,
  tel varchar(40),
  siret varchar(14),
  status varchar(20) NOT NULL DEFAULT 'active',
  address jsonb,
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb,
  revenue numeric(15,2),
  loyalty_points integer NOT NULL DEFAULT 0,
  newsletter boolean NOT NULL DEFAULT false,
  notes text,
  first_contact_on date,
  engagement_count integer NOT NULL DEFAULT 0,
  last_engagement_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS clients_siret ON clients (siret);
CREATE INDEX IF NOT EXISTS clients_created ON clients (created_at, id);

CREATE TABLE IF NOT EXISTS services (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  code varchar(32) NOT NULL UNIQUE,
  name text NOT NULL,
  description text,
  category varchar(40) NOT NULL DEFAULT 'general',
  price numeric(12,2) NOT NULL,
  duration_minutes integer NOT NULL DEFAULT 60,
  active boolean NOT NULL DEFAULT true,
  tags text[] NOT NULL DEFAULT '{}',
  options jsonb,
  available_from date,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS engagements (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  reference varchar(40) NOT NULL UNIQUE,
  client_id uuid NOT NULL REFERENCES clients ON DELETE RESTRICT,
  service_id uuid NOT NULL REFERENCES services ON DELETE RESTRICT,
  status varchar(20) NOT NULL DEFAULT 'planned',
  scheduled_at timestamptz NOT NULL,
  completed_at timestamptz,
  duration_minutes integer NOT NULL DEFAULT 60,
  amount numeric(15,2),
  paid boolean NOT NULL DEFAULT false,
  notes text,
  tags text[] NOT NULL DEFAULT '{}',
  details jsonb,
  follow_up_on date,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS engagements_client ON engagements (client_id);
CREATE INDEX IF NOT EXISTS engagements_service ON engagements (service_id);

CREATE TABLE IF NOT EXISTS companies (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  siret varchar(14),
  vat_number varchar(20),
  email varchar(255),
  tel varchar(40),
  sector varchar(40) NOT NULL DEFAULT 'other',
  address jsonb,
  employees integer,
  revenue numeric(15,2),
  active boolean NOT NULL DEFAULT true,
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb,
  founded_on date,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS companies_siret ON companies (siret);

CREATE TABLE IF NOT EXISTS leads (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL,
  email varchar(255),
  tel varchar(40),
  company_id uuid REFERENCES companies ON DELETE RESTRICT,
  stage text NOT NULL DEFAULT 'new' CHECK (stage IN ('new', 'contacted', 'qualified', 'won', 'lost')),
  source varchar(40) NOT NULL DEFAULT 'website',
  score integer NOT NULL DEFAULT 0,
  estimated_value numeric(15,2),
  contactable boolean NOT NULL DEFAULT true,
  message text,
  tags text[] NOT NULL DEFAULT '{}',
  metadata jsonb,
  next_contact_on date,
  converted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS leads_email ON leads (email);
`;

/** The tables in an order in which each comes after those that it refers to. */
export const LEGACY_TABLES = ['clients', 'services', 'engagements', 'companies', 'leads'] as const;
export type LegacyTable = (typeof LEGACY_TABLES)[number];

/** Roles that every Supabase database has; the service role sees past row level security. */
export const LEGACY_ROLES = `
DO $$
DECLARE role record;
BEGIN
  FOR role IN SELECT * FROM (VALUES ('anon', ''), ('authenticated', ''), ('service_role', 'BYPASSRLS')) AS wanted (name, rights)
  LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role.name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN %s', role.name, role.rights);
    END IF;
  END LOOP;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  -- Roles belong to the whole server: another process has just made them, for a database of its own.
  NULL;
END $$;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
GRANT ALL ON ALL TABLES IN SCHEMA public TO service_role;
`;
