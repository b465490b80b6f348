import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { assertAccessible, assertFits, keepPicture, waitForValue } from '../testing/browser.ts'
import { createPageMesh, openPage, type PageMesh, waitForHeading } from '../testing/page-visit.ts'
import { until } from '../testing/until.ts'

let home: PageMesh

before(async () => {
  home = await createPageMesh()
})
after(() => home[Symbol.asyncDispose]())

const visit = (t: TestContext, options?: BrowserContextOptions) => home.visit(t, options)
const screenOf = (page: Page) => page.getByRole('region', { name: 'Terminal', exact: true })

async function openTerminals(page: Page): Promise<void> {
  await openPage(page, 'Terminals')
  await waitForHeading(page, 'Terminals')
  await page.getByRole('combobox', { name: 'Endpoint' }).click()
  await page.getByRole('option', { name: 'office' }).click()
}

test('a terminal in the page: typed, shown, left running, attached to again, ended', async t => {
  const page = await visit(t)
  await openTerminals(page)
  await page.getByText('No session is open there.').waitFor()
  await page.getByRole('button', { name: 'Open a terminal' }).click()
  const screen = screenOf(page)
  await screen.locator('.xterm-rows').waitFor()
  await page.keyboard.type('echo $((6*7))-answers; stty size\n')
  await screen.getByText('42-answers').first().waitFor()
  await screen
    .getByText(/^\d\d+ \d\d+$/)
    .first()
    .waitFor()
  await assertAccessible(page, 'terminal')
  await keepPicture(page, 'terminal')
  await page.getByRole('button', { name: 'Leave it running' }).click()
  await page.getByRole('button', { name: /^Attach / }).click()
  await screen.getByText('42-answers').first().waitFor()
  await screen.locator('.xterm-screen').click()
  await page.keyboard.type('exit 3\n')
  await page.getByText('It ended: 3').waitFor()
})

test('what is typed while a terminal opens is not lost', async t => {
  const page = await visit(t)
  const typed = Promise.withResolvers<void>()
  await page.routeWebSocket(/terminal\/stream/, async socket => {
    await typed.promise
    socket.connectToServer()
  })
  await openTerminals(page)
  await page.getByRole('button', { name: 'Open a terminal' }).click()
  await screenOf(page).locator('.xterm-rows').waitFor()
  await page.keyboard.type('echo early-$((1+1)); exit\n')
  typed.resolve()
  await screenOf(page).getByText('early-2').first().waitFor()
  await page.getByText('It ended: 0').waitFor()
})

test('a session is shared by a link, and looked on at: what is typed there does not count', async t => {
  const page = await visit(t)
  await openTerminals(page)
  await page.getByRole('button', { name: 'Open a terminal' }).click()
  await screenOf(page).locator('.xterm-rows').waitFor()
  await page
    .getByRole('button', { name: /^Share / })
    .first()
    .click()
  const form = page.getByRole('dialog')
  await assertAccessible(page, 'share')
  await form.getByRole('button', { name: 'Share', exact: true }).click()
  const shared = form.getByLabel('Link', { exact: true })
  await waitForValue(shared, /^ztm:\/\/terminal\//)
  const link = await shared.inputValue()
  await page.keyboard.press('Escape')

  const other = await visit(t)
  await openPage(other, 'Terminals')
  const byLink = other.getByLabel('Link to a session that was shared with you')
  await byLink.fill('ztm://terminal/nonsense')
  await other.getByRole('button', { name: 'Attach' }).click()
  await other.getByRole('alert').getByText('bad-usage').waitFor()
  await byLink.fill(link)
  await other.getByRole('button', { name: 'Attach' }).click()
  await screenOf(other).locator('.xterm-rows').waitFor()
  await screenOf(page).locator('.xterm-screen').click()
  await page.keyboard.type('echo seen-$((40+2))\n')
  await screenOf(other).getByText('seen-42').first().waitFor()
  await other.getByRole('button', { name: 'Leave it running' }).click()

  await other.getByRole('combobox', { name: 'Endpoint' }).click()
  await other.getByRole('option', { name: 'office' }).click()
  await other.getByRole('button', { name: /^Look on / }).click()
  await other.getByText('You look on: what you type does not count.').waitFor()
  await page.getByText('root looks on').waitFor()
  await screenOf(other).locator('.xterm-screen').click()
  await other.keyboard.type('exit 9\n')
  await page.keyboard.type('exit\n')
  await page.getByText('It ended: 0').waitFor()
})

test('terminals are written down where it is set so; recordings are played, paused, wound and erased', async t => {
  const page = await visit(t)
  await openTerminals(page)
  await page.getByRole('tab', { name: 'Settings' }).click()
  await page.getByLabel('Write down every terminal, in files that you alone may read').check()
  await page.getByText('ztm ep office terminal config').waitFor()
  await assertAccessible(page, 'terminal settings')
  // Not in the home folder of whoever runs this test.
  await page.getByLabel('Folder of recordings').fill(home.mesh.folder)
  await page.getByRole('combobox', { name: 'Shell, with its arguments' }).fill('/bin/sh')
  await page.keyboard.press('Enter')
  const accounts = page.getByRole('combobox', { name: 'Whose account each of them gets' })
  await accounts.fill('nobody there')
  await page.keyboard.press('Enter')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByRole('alert').getByText('write USER=ACCOUNT').waitFor()
  await page.keyboard.press('Backspace')
  await accounts.press('Backspace')
  await accounts.fill('bob=daemon')
  await page.keyboard.press('Enter')
  await page.getByText('--run-as bob=daemon --shell /bin/sh').waitFor()
  await page.getByRole('button', { name: 'Save' }).click()
  await until(async () => {
    const config = await home.mesh.json('home', 'ep', 'office', 'terminal', 'config')
    const { recordings, shell, accounts } = config as Record<string, unknown>
    const said = JSON.stringify([recordings, shell, accounts])
    return said === JSON.stringify([home.mesh.folder, ['/bin/sh'], { bob: 'daemon' }])
  }, 'the settings are kept')

  await page.getByRole('button', { name: 'Open a terminal' }).click()
  const screen = screenOf(page)
  await screen.locator('.xterm-rows').waitFor()
  await page.getByText('This terminal is being written down.').waitFor()
  await page.keyboard.type('echo first-$((1+1)); sleep 5; clear; echo last-$((1+2)); exit\n')
  await page.getByText('It ended: 0').waitFor()
  await page.getByRole('button', { name: 'Close', exact: true }).click()

  await page.getByRole('tab', { name: 'Recordings' }).click()
  await page.getByRole('button', { name: /^Play / }).click()
  const player = page.getByRole('region', { name: 'Player' })
  const played = player.getByRole('region', { name: 'What the terminal showed' }).locator('.xterm-rows')
  await played.getByText('last-3').first().waitFor()
  // It stands at its end; back at the beginning there is nothing of that, and then the first of it.
  const place = player.getByRole('slider', { name: 'Place in the recording' })
  await player.getByRole('button', { name: 'Play' }).waitFor()
  await place.press('Home')
  await played.getByText('last-3').first().waitFor({ state: 'detached' })
  await place.press('End')
  await played.getByText('last-3').first().waitFor()
  await player.getByRole('combobox', { name: 'Speed' }).click()
  await page.getByRole('option', { name: '0.5×' }).click()
  await player.getByRole('button', { name: 'Play' }).click()
  await player.getByRole('button', { name: 'Pause' }).click()
  await player.getByRole('button', { name: 'Play' }).waitFor()
  await assertAccessible(page, 'player')
  await keepPicture(page, 'player')
  const download = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Save as a file' }).click()
  assert.match((await download).suggestedFilename(), /^[0-9a-f]{16}\.cast$/)
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: /^Erase / }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Erase' }).click()
  await page.getByText('Nothing was written down there.').waitFor()
  await page.getByRole('tab', { name: 'History' }).click()
  await page.getByRole('table', { name: 'History' }).getByRole('row').nth(1).waitFor()
  await assertAccessible(page, 'history')
})

test('the terminal goes on where it was after the line broke, in Chinese and on a telephone', async t => {
  const page = await visit(t, { locale: 'zh-CN', viewport: { width: 390, height: 844 } })
  await page.goto(`${home.url}/home/terminal`)
  await waitForHeading(page, '终端')
  await page.getByRole('combobox', { name: '端点' }).click()
  await page.getByRole('option', { name: 'office' }).click()
  await page.getByRole('button', { name: '打开终端' }).click()
  const screen = page.getByRole('region', { name: '终端', exact: true })
  await screen.locator('.xterm-rows').waitFor()
  await page.keyboard.type('echo before-$((1+1))\n')
  await screen.getByText('before-2').first().waitFor()
  await assertFits(page)
  await assertAccessible(page, 'terminal in Chinese')
  await home.mesh.run('home', 'disable', 'mesh', 'home')
  await page.getByText('连接中断，正在重新打开 …').waitFor()
  await home.mesh.run('home', 'enable', 'mesh', 'home')
  await page.getByText('连接中断，正在重新打开 …').waitFor({ state: 'detached' })
  await screen.locator('.xterm-screen').click()
  await page.keyboard.type('echo after-$((1+1)); exit\n')
  await screen.getByText('after-2').first().waitFor()
})

/** Echoes each key itself, but none while the file `held` is there; `q` ends it. */
const LATE_ECHO = `stty -echo
printf '\\n>'
while IFS= read -rN1 key; do
  while [ -e "$1" ]; do sleep 0.1; done
  printf %s "$key"
  [ "$key" = q ] && break
done
stty echo
echo
`

test('keys are shown before their echo where one wants it, and kept so in this browser', async t => {
  const page = await visit(t)
  await openTerminals(page)
  const [program, held] = [join(home.mesh.folder, 'late.sh'), join(home.mesh.folder, 'held')]
  await writeFile(program, LATE_ECHO)
  await page.getByRole('button', { name: 'Open a terminal' }).click()
  const screen = screenOf(page)
  await screen.locator('.xterm-rows').waitFor()
  const choice = page.getByRole('combobox', { name: 'Show keys before their echo' })
  assert.equal(await choice.inputValue(), 'On slow paths')
  await choice.click()
  await page.getByRole('option', { name: 'Always' }).click()
  await assertAccessible(page, 'terminal with prediction')
  await screen.locator('.xterm-screen').click()
  const row = (text: RegExp) => screen.locator('.xterm-rows > div').filter({ hasText: text })
  await page.keyboard.type(`bash '${program}' '${held}'\n`)
  await row(/^>\s*$/).waitFor()
  // A person stops, and looks.
  await page.waitForTimeout(1_000)
  await page.keyboard.type('a')
  await row(/^>a\s*$/).waitFor()
  await writeFile(held, '')
  await page.keyboard.type('bc')
  await row(/^>abc\s*$/).waitFor()
  await rm(held)
  await page.keyboard.type('q')
  await row(/^>abcq\s*$/).waitFor()
  await page.keyboard.type('exit\n')
  await page.getByText('It ended: 0').waitFor()

  await page.getByRole('button', { name: 'Open a terminal' }).click()
  await choice.waitFor()
  assert.equal(await choice.inputValue(), 'Always')
  await screenOf(page).last().locator('.xterm-screen').click()
  await page.keyboard.type('exit\n')
  await page.getByText('It ended: 0').nth(1).waitFor()
})
