/** What is checked: a deal as it is about to be closed. Amounts are decimal text. */
export interface ComplianceRequest {
  country: string;
  amount: string;
  consent: boolean;
  vatNumber?: string | null;
}

export interface Finding {
  rule: string;
  severity: 'info' | 'warning' | 'block';
  reason: string;
}

export interface ComplianceReport {
  verdict: 'pass' | 'review' | 'block';
  score: number;
  findings: Finding[];
}

/** The one interface behind which the engine is: a module of this process, or a service over the network. */
export interface ComplianceEngine {
  check(request: ComplianceRequest): Promise<ComplianceReport>;
}

interface Rule extends Omit<Finding, 'reason'> {
  weight: number;
  /** Why the rule speaks, or null. */
  applies(request: ComplianceRequest): string | null;
}

const SANCTIONED = new Set(['KP', 'SY']);
const EU = new Set(['AT', 'BE', 'DE', 'ES', 'FR', 'IT', 'NL', 'PT']);
/** Above it a second pair of eyes is needed. */
const LARGE = 100_000;

const RULES: readonly Rule[] = [
  {
    rule: 'sanctions',
    severity: 'block',
    weight: 100,
    applies: ({ country }) => (SANCTIONED.has(country) ? `no business with ${country}` : null),
  },
  {
    rule: 'consent',
    severity: 'warning',
    weight: 30,
    applies: ({ consent }) => (consent ? null : 'the contact has not consented to be written to'),
  },
  {
    rule: 'vat',
    severity: 'warning',
    weight: 20,
    applies: ({ country, vatNumber }) => (EU.has(country) && !vatNumber ? 'a VAT number is missing' : null),
  },
  {
    rule: 'large-amount',
    severity: 'info',
    weight: 10,
    applies: ({ amount }) => (Number(amount) > LARGE ? `${amount} is above ${LARGE}` : null),
  },
];

/** The rules, run here. */
export const localEngine: ComplianceEngine = {
  check(request) {
    const spoken = RULES.flatMap(({ applies, weight, rule, severity }) => {
      const reason = applies(request);
      return reason === null ? [] : [{ weight, finding: { rule, severity, reason } }];
    });
    const score = Math.min(
      100,
      spoken.reduce((sum, { weight }) => sum + weight, 0),
    );
    const findings = spoken.map(({ finding }) => finding);
    const blocks = findings.some(({ severity }) => severity === 'block');
    const verdict = blocks ? 'block' : score >= 30 ? 'review' : 'pass';
    return Promise.resolve({ verdict, score, findings });
  },
};

/** What a body has to be; a text says what is wrong with it. */
export function readRequest(body: unknown): ComplianceRequest | string {
  if (typeof body !== 'object' || body === null) return 'the body must be an object';
  const { country, amount, consent, vatNumber } = body as Record<string, unknown>;
  if (typeof country !== 'string' || !/^[A-Z]{2}$/.test(country)) return 'country must be a code such as FR';
  if (!/^\d{1,12}(\.\d{1,2})?$/.test(String(amount))) return 'amount must be a decimal such as 1200.50';
  if (typeof consent !== 'boolean') return 'consent must be true or false';
  return {
    country,
    amount: String(amount),
    consent,
    vatNumber: typeof vatNumber === 'string' ? vatNumber : null,
  };
}
