import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { until } from '../testing/until.ts'

let home: PageMesh

before(async () => {
  home = await createPageMesh({ others: ['office', 'studio'] })
  for (const name of ['office', 'studio']) await home.mesh.run(name, 'label', '--add', 'web')
})
after(() => home[Symbol.asyncDispose]())

async function write(page: Page, source: string, label = 'Script'): Promise<void> {
  await page.getByRole('textbox', { name: label, exact: true }).press('Control+a')
  await page.keyboard.insertText(source)
}

async function choose(page: Page, ...names: string[]): Promise<void> {
  const field = page.getByRole('combobox', { name: 'Endpoints' })
  await field.click()
  for (const name of names) await page.getByRole('option', { name, exact: true }).click()
  await page.keyboard.press('Escape')
}

const result = (page: Page, name: string) =>
  page.getByRole('table', { name: 'Results' }).getByRole('row', { name })
const output = (page: Page, name: string) => page.getByRole('region', { name: `Output of ${name}` })

interface Run {
  readonly name: string
  readonly grants: { readonly read: readonly string[] }
}

test('a script is written, allowed a file, run at two endpoints, and seen side by side', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Scripts')
  await waitForHeading(page, 'Scripts')
  await page.getByLabel('File name').fill('names.ts')
  await write(
    page,
    `import { readFileSync } from 'node:fs'
const [first = '']: string[] = process.argv.slice(2)
console.log('hello', first, readFileSync('/etc/hostname', 'utf8').length > 0)
console.error('\\x1b[31mand a warning\\x1b[0m')
if (process.cwd().includes('studio')) process.exit(3)`,
  )
  await page.getByRole('combobox', { name: 'Arguments' }).fill('you')
  await page.keyboard.press('Enter')
  await choose(page, 'office', 'studio')
  const run = page.getByRole('button', { name: 'Run', exact: true })
  await run.click()
  // Nothing that is not allowed is there.
  await page.getByText('0 of 2 went well').waitFor()
  await output(page, 'office')
    .getByText('EACCES')
    .or(output(page, 'office').getByText('ERR_ACCESS'))
    .first()
    .waitFor()
  await page.getByRole('button', { name: 'What it is allowed there' }).click()
  await page.getByRole('combobox', { name: 'Read files and folders', exact: true }).fill('/etc/hostname')
  await page.keyboard.press('Enter')
  await page
    .getByText('ztm script names.ts --ep office studio --allow-read /etc/hostname -- you')
    .or(page.getByText('ztm script names.ts --ep studio office --allow-read /etc/hostname -- you'))
    .waitFor()
  await assertAccessible(page, 'script before it is run')
  await page.getByRole('textbox', { name: 'Script', exact: true }).press('Control+Enter')
  await page.getByText('1 of 2 went well').waitFor()
  await result(page, 'office').getByText('Exit 0').waitFor()
  await result(page, 'studio').getByText('Exit 3').waitFor()
  for (const name of ['office', 'studio']) {
    await output(page, name).getByText('hello you true').waitFor()
    await output(page, name).getByText('and a warning', { exact: true }).waitFor()
  }
  await assertAccessible(page, 'script that was run')
  await keepPicture(page, 'script')
  const history = (await home.mesh.json('home', 'script', 'history', 'office')) as Run[]
  assert.deepEqual(
    history.map(({ name, grants }) => [name, grants.read]),
    [
      ['names.ts', ['/etc/hostname']],
      ['names.ts', []],
    ],
  )
})

test('what runs is seen while it runs, stopped at one endpoint and at all, and ends with the page', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Scripts')
  await page.getByLabel('File name').fill('endless.mjs')
  await write(page, "let n = 0; setInterval(() => console.log('line', ++n), 50)")
  await page.getByRole('combobox', { name: 'Add all with the label' }).click()
  await page.getByRole('option', { name: 'web' }).click()
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  for (const name of ['office', 'studio'])
    await output(page, name)
      .getByText(/line 3\b/)
      .waitFor()
  const running = async (at: string) => ((await home.mesh.json('home', 'script', 'get', at)) as Run[]).length
  assert.deepEqual([await running('office'), await running('studio')], [1, 1])
  await page.getByRole('button', { name: 'Stop office' }).click()
  await result(page, 'office').getByText('killed').waitFor()
  await result(page, 'studio').getByText('running').waitFor()
  // Whoever leaves is asked.
  await openPage(page, 'Services')
  await page.getByRole('dialog').getByRole('button', { name: 'Stay' }).click()
  await page.getByRole('combobox', { name: 'Endpoint', exact: true }).click()
  await page.getByRole('option', { name: 'studio' }).click()
  const there = page.getByRole('table', { name: 'Runs there now' })
  await there.getByText('endless.mjs').waitFor()
  await page.getByRole('table', { name: 'What an endpoint ran' }).getByText('endless.mjs').first().waitFor()
  await assertAccessible(page, 'script that runs')
  await openPage(page, 'Services')
  await page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click()
  await waitForHeading(page, 'Services')
  await until(async () => (await running('studio')) === 0, 'it ended with the page')
})

test('the draft and the runs are kept in the browser, and a run is killed from another window', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Scripts')
  await page.getByLabel('File name').fill('kept.ts')
  await write(page, "console.log('kept'); setTimeout(() => {}, 600_000)")
  await choose(page, 'studio')
  await page.reload()
  await page.getByRole('textbox', { name: 'Script', exact: true }).getByText("console.log('kept')").waitFor()
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await output(page, 'studio').getByText('kept').waitFor()
  const other = await page.context().newPage()
  await other.goto(`${home.url}/home/scripts`)
  await other.getByRole('combobox', { name: 'Endpoint', exact: true }).click()
  await other.getByRole('option', { name: 'studio' }).click()
  await other.getByRole('button', { name: 'Stop kept.ts' }).click()
  await result(page, 'studio').getByText('killed by root').waitFor()
  await other.close()
  await write(page, "console.log('another')")
  await page.getByRole('button', { name: 'Run again kept.ts' }).click()
  await page.getByRole('textbox', { name: 'Script', exact: true }).getByText("console.log('kept')").waitFor()
  await output(page, 'studio').getByText('kept').waitFor()
  await page.getByRole('button', { name: 'Stop all' }).click()
  await page.getByText('0 of 1 went well').waitFor()
})

test('a script that cannot run says why where it was to run, and hostile output does nothing', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Scripts')
  await page.getByLabel('File name').fill('<img src=x onerror=alert(1)>.mjs')
  await write(page, "console.log('<img src=x onerror=alert(1)>\\u202etxt.exe\\x1b]0;owned\\x07')")
  await choose(page, 'office')
  await page.getByRole('button', { name: 'What it is allowed there' }).click()
  await page.getByLabel('Memory, MiB').fill('60000')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page
    .getByRole('alert')
    .getByText(/60000 MiB/)
    .waitFor()
  await page.getByLabel('Memory, MiB').fill('128')
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await output(page, 'office').getByText('<img src=x onerror=alert(1)>␣txt.exe').waitFor()
  assert.equal(await page.locator('img[src=x]').count(), 0)
  await write(page, 'x'.repeat(1_048_577))
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByRole('alert').getByText('too-large').waitFor()
})

test('a script reads what stands in the field, and what others may run is granted and taken back', async t => {
  const page = await home.visit(t)
  await openPage(page, 'Scripts')
  await write(
    page,
    "let all = ''\nfor await (const part of process.stdin) all += part\nconsole.log(all.length, all.trim())",
  )
  await choose(page, 'office', 'studio')
  await page.getByLabel('Standard input').fill("it's secret\n端")
  await page.getByText(/^printf %s 'it'.*' \| ztm script /).waitFor()
  await page.getByRole('button', { name: 'Run', exact: true }).click()
  await page.getByText('2 of 2 went well').waitFor()
  await output(page, 'office').getByText("13 it's secret").waitFor()
  // What went in is nowhere kept.
  assert.doesNotMatch(String(await page.evaluate('JSON.stringify(localStorage)')), /secret\\/)

  await page.getByRole('combobox', { name: 'At which of your computers' }).click()
  await page.getByRole('option', { name: 'office' }).last().click()
  await page.getByText('Nobody else may run scripts there.').waitFor()
  const users = page.getByRole('combobox', { name: 'These users' })
  await users.fill('bob')
  await users.press('Enter')
  await page.getByRole('combobox', { name: 'Read files and folders' }).last().fill('/etc/hostname')
  await page.keyboard.press('Enter')
  await page.getByText('ztm ep office script config --allow-user bob --grant read:/etc/hostname').waitFor()
  await assertAccessible(page, 'script grants')
  await page.getByRole('button', { name: 'Allow', exact: true }).click()
  const table = page.getByRole('table', { name: 'Who may run scripts there' })
  await table.getByRole('row', { name: /bob.*read:\/etc\/hostname/ }).waitFor()
  await keepPicture(page, 'script-grants')
  const rules = async () =>
    ((await home.mesh.json('home', 'ep', 'office', 'script', 'config')) as { rules: { users: string[] }[] })
      .rules
  assert.deepEqual(
    (await rules()).map(one => one.users),
    [['bob']],
  )
  // A rule that the command line made meanwhile stays.
  await home.mesh.run('home', 'ep', 'office', 'script', 'config', '--allow-user', 'eve')
  await page.getByRole('button', { name: 'Take back bob' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Take back' }).click()
  await table.getByRole('row', { name: /bob/ }).waitFor({ state: 'detached' })
  assert.deepEqual(
    (await rules()).map(one => one.users),
    [['eve']],
  )
  await page.getByLabel('Scripts can be run at this endpoint').uncheck()
  await until(async () => {
    const config = await home.mesh.json('home', 'ep', 'office', 'script', 'config')
    return !(config as { isEnabled: boolean }).isEnabled
  }, 'scripts are off')
  await page.getByLabel('Scripts can be run at this endpoint').check()
})

test('in Chinese, in the dark, on a telephone', async t => {
  const page = await home.visit(t, {
    locale: 'zh-CN',
    colorScheme: 'dark',
    viewport: { width: 390, height: 844 },
  })
  await page.goto(`${home.url}/home/scripts`)
  await waitForHeading(page, '脚本')
  await write(page, "console.log('你好', 1 + 1) // 注释", '脚本')
  await page.getByRole('combobox', { name: '端点' }).first().click()
  await page.getByRole('option', { name: 'office' }).click()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: '运行', exact: true }).click()
  await page.getByText('1 个中有 1 个成功').waitFor()
  await page.getByRole('region', { name: 'office 的输出' }).getByText('你好 2').waitFor()
  await assertAccessible(page, 'script in Chinese')
  await assertFits(page)
  await keepPicture(page, 'script-zh-dark-390')
})
