/** What sample records are made of: the awkward values of real life among ordinary ones. */

// prettier-ignore
export const FIRST_NAMES = [
  'Zoé', 'Anaïs', 'Jean-Luc', 'Noël', 'Łukasz', 'Siobhán', 'Björk', 'José', 'Mary Ann', 'Thuỳ', 'Ömer', 'Ana', 'Paul', 'Chloé',
] as const;
// prettier-ignore
export const LAST_NAMES = [
  "O'Brien", 'Müller', 'Lefèvre', 'D’Angelo', 'Nguyễn', 'García Márquez', 'Straße', 'Ng', 'Åström', 'Dupont', 'Šimůnek', 'de la Cruz', '李', 'Иванова',
] as const;
export const CITIES = [
  'Paris',
  'Saint-Étienne',
  'Besançon',
  "L'Haÿ-les-Roses",
  'Lyon',
  'Nîmes',
  'Marseille',
] as const;
export const TRADES = [
  'Boulangerie',
  'Garage',
  'Cabinet',
  'Atelier',
  'Librairie',
  'Menuiserie',
  'Pâtisserie',
] as const;
export const SECTORS = ['food', 'health', 'retail', 'construction', 'services', 'other'] as const;
export const CATEGORIES = ['general', 'advice', 'repair', 'training', 'audit'] as const;
export const SOURCES = ['website', 'phone', 'fair', 'referral', 'import'] as const;
export const CLIENT_STATUS = ['active', 'active', 'active', 'prospect', 'inactive'] as const;
export const ENGAGEMENT_STATUS = ['planned', 'confirmed', 'done', 'done', 'cancelled'] as const;
export const LEAD_STAGES = ['new', 'contacted', 'qualified', 'won', 'lost'] as const;

// prettier-ignore
/** Everything that has ever broken an array literal. */
export const TAGS = [
  'vip', 'à rappeler', 'one, two', 'say "hi"', 'back\\slash', '{braces}', "it's", '', 'NULL', 'null', ' spaces ', '🎉', 'line\nbreak',
] as const;

// prettier-ignore
/** Short texts that have broken a parser, a query or a page somewhere. */
export const REMARKS = [
  '', ' ', 'Rappeler mardi.', 'Said "yes", then \'no\'.', 'C:\\temp\\new', '50% off; -- not a comment', '<b>bold</b> & co', 'café ☕ — très bon 👩‍👩‍👧', 'tab\tand\r\nnew line',
  '{"looks": "like json"}', '{a,b}', '\\x41', 'null', '0', 'العربية עברית', 'e\u0301 is not é', 'zero\u200bwidth',
] as const;

/** Amounts with two fraction digits and up to fifteen digits in all. */
export const AMOUNTS = [
  '0',
  '0.00',
  '0.10',
  '-0.01',
  '9999999999999.99',
  '-9999999999999.99',
  '1234567890123.45',
  '100.00',
] as const;
