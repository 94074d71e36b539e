import type { OperationSettings } from '../domain/configuration.ts';

export interface FoundOperation {
  operation: OperationSettings;
  /** Values of its path's parameters, decoded. */
  parameters: Readonly<Record<string, string>>;
}

interface Pattern {
  operation: OperationSettings;
  names: string[];
  expression: RegExp;
}

/** Finds operations by method and path; a path without parameters before one with them. */
export class OperationPaths {
  private readonly plain = new Map<string, FoundOperation>();
  private readonly patterns: Pattern[] = [];

  constructor(operations: readonly OperationSettings[]) {
    for (const operation of operations) {
      if (operation.path.includes('/:')) this.patterns.push(patternOf(operation));
      else this.plain.set(`${operation.method} ${operation.path}`, { operation, parameters: {} });
    }
  }

  /** One whose path is just this. */
  findPlain(method: string, path: string): FoundOperation | null {
    return this.plain.get(`${method} ${path}`) ?? null;
  }

  /** One whose path has parameters that this one fills. */
  findPattern(method: string, path: string): FoundOperation | null {
    for (const { operation, names, expression } of this.patterns) {
      const values = operation.method === method ? expression.exec(path)?.slice(1) : undefined;
      if (!values) continue;
      return {
        operation,
        parameters: Object.fromEntries(names.map((name, index) => [name, decoded(values[index] ?? '')])),
      };
    }
    return null;
  }

  /** One that has this path with any method. */
  findAny(path: string): FoundOperation | null {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const found = this.findPlain(method, path) ?? this.findPattern(method, path);
      if (found) return found;
    }
    return null;
  }
}

function patternOf(operation: OperationSettings): Pattern {
  const names: string[] = [];
  const parts = operation.path.split('/').map((part) => {
    if (!part.startsWith(':')) return part.replaceAll('.', '\\.');
    names.push(part.slice(1));
    return '([^/]+)';
  });
  return { operation, names, expression: new RegExp(`^${parts.join('/')}$`) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
