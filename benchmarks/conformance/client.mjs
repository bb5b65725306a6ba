// Runs tests of the suite against a cache and writes what they are and how they ended, as JSON, to a file.
// The suite is the package of npm, or a copy of its repository with its dependencies installed.
//   node client.mjs SUITE_FOLDER BASE_URL OUTPUT_FILE [TEST_ID...]
import { existsSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const AT_ONCE = 100
const [folder, base, output, ...only] = process.argv.slice(2)
const load = file => import(pathToFileURL(join(folder, file)).href)
const engine = existsSync(join(folder, 'test-engine')) ? 'test-engine/' : ''

const groups = (await load('tests/index.mjs')).default
const tests = groups.flatMap(group => group.tests
  .filter(test => !test.browser_only)
  .map(test => ({ id: test.id, kind: test.kind ?? 'required', depends_on: test.depends_on ?? [] })))
const chosen = only.length === 0
  ? groups
  : groups.map(group => ({ ...group, tests: group.tests.filter(test => only.includes(test.id)) }))

const { runTests, getResults } = await load(`${engine}client/runner.mjs`)
if (engine === '') {
  const required = createRequire(join(folder, 'package.json'))('node-fetch')
  await runTests(chosen, required.default ?? required, false, base, AT_ONCE)
} else {
  await runTests(chosen, false, base, AT_ONCE)
}
writeFileSync(output, JSON.stringify({ tests, results: getResults() }))
process.exit(0)  // the suite leaves connections open
