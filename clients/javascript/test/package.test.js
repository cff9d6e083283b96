/** The package as people get it: what is in it, its types, and its sizes. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8')
const NPM = join(dirname(realpathSync(process.execPath)), '../lib/node_modules/npm/bin/npm-cli.js')

/** Bytes, minified and gzipped. The core is to have 4 KB; its rules take what is over that. */
const BUDGETS = { index: 5 * 1024, react: 1024 }

for (const [entry, budget] of Object.entries(BUDGETS)) {
  test(`${entry}.js is within its ${budget} bytes`, async (t) => {
    const { outputFiles } = await build({
      entryPoints: [join(PACKAGE, `src/${entry}.js`)],
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      external: ['react'],
      write: false,
    })
    const bytes = gzipSync(outputFiles[0].contents, { level: 9 }).length
    t.diagnostic(`${entry}.js: ${bytes} of ${budget} bytes, minified and gzipped`)
    assert.ok(bytes <= budget, `${bytes} bytes`)
    const [, said] = README.match(
      entry === 'react' ? /React hooks.* \| ([\d.]+) \|/ : /this package \| ([\d.]+) \|/,
    )
    assert.equal(said, (bytes / 1024).toFixed(1), 'the README says another size')
  })
}

for (const [what, project] of [
  ['the types compile, and refuse mistakes', 'tsconfig.json'],
  ['the modules name only fields that frames have', 'tsconfig.src.json'],
]) {
  test(what, () => {
    const compiler = join(PACKAGE, 'node_modules/typescript/bin/tsc')
    try {
      execFileSync(process.execPath, [compiler, '--noEmit', '--project', join(PACKAGE, project)], { encoding: 'utf8' })
    } catch ({ stdout }) {
      assert.fail(stdout)
    }
  })
}

test('it is packed, installed into an empty folder, and imported', () => {
  const folder = mkdtempSync(join(tmpdir(), 'entity-push-'))
  const npm = (...words) =>
    execFileSync(
      process.execPath,
      [NPM, ...words, '--loglevel=error', '--no-fund', '--no-audit', '--no-update-notifier'],
      {
        cwd: folder,
        encoding: 'utf8',
        env: { ...process.env, npm_config_cache: join(folder, 'cache') },
      },
    )
  try {
    const [{ filename, files }] = Object.values(JSON.parse(npm('pack', PACKAGE, '--json')))
    const folders = new Set(files.map(({ path }) => path.split('/')[0]))
    assert.deepEqual([...folders].sort(), ['LICENSE', 'README.md', 'package.json', 'src', 'types'])
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    npm('install', '--offline', '--omit=peer', `./${filename}`)
    cpSync(join(PACKAGE, 'node_modules/react'), join(folder, 'node_modules/react'), { recursive: true })
    const program = `
      import { EntityPush, PushError } from 'entity-push'
      import { useEntities, useEntity } from 'entity-push/react'
      console.log(new EntityPush({ url: 'wss://example.com' }).state, PushError.name, useEntities.name, useEntity.name)`
    writeFileSync(join(folder, 'program.js'), program)
    const printed = execFileSync(process.execPath, ['program.js'], { cwd: folder, encoding: 'utf8' })
    assert.equal(printed, 'idle PushError useEntities useEntity\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
