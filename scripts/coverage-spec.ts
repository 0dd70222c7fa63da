// `npm run coverage:spec`: writes docs/coverage.md from the citations in the source. With --check it writes nothing and says
// what is wrong: a stale page, a citation that leads nowhere, a mistake in docs/coverage.toml.

import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coverSpecs } from './spec-coverage.ts';
import { parseOutlines } from './spec-outline.ts';

const root = join(import.meta.dirname, '..');
const pagePath = join(root, 'docs', 'coverage.md');

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const files = globSync(['src/**/*.ts', 'test/**/*.ts'], { cwd: root })
  .map((path) => path.replaceAll('\\', '/'))
  .sort()
  .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
const outlines = parseOutlines(readFileSync(join(root, 'docs', 'coverage.toml'), 'utf8'));
const { page, problems } = coverSpecs(outlines, files);

const complaints = [...problems];
if (!values.check) writeFileSync(pagePath, page);
else if (!existsSync(pagePath) || readFileSync(pagePath, 'utf8') !== page) {
  complaints.push('docs/coverage.md is stale. Run: npm run coverage:spec');
}
for (const complaint of complaints) console.error(complaint);
if (complaints.length > 0) process.exitCode = 1;
