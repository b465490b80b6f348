import { Alert, Anchor, Button, Card, Code, Group, Select, Stack, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { InstalledInfo } from '../../core/api/installed-api.ts'
import { APP_QUERIES, type AppPlace } from '../api/app-queries.ts'
import { call } from '../api/call.ts'
import { GivenAsks } from '../apps/app-asks.tsx'
import { AppReleases } from '../apps/app-releases.tsx'
import { AppSettingsSection } from '../apps/app-settings-section.tsx'
import { AppState } from '../apps/app-state.tsx'
import { newestOf, pageHref } from '../apps/app-versions.ts'
import { InstallDialog } from '../apps/install-dialog.tsx'
import { useAppsPlace } from '../apps/use-apps-place.ts'
import { ActionButton } from '../parts/action-button.tsx'
import { formatWhen } from '../parts/amounts.ts'
import { Loaded } from '../parts/loaded.tsx'
import { Name } from '../parts/name.tsx'
import { StateBadge } from '../parts/state-badge.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** One app: what it is, what it asks for, how it is here, its releases; and what can be done with it. */
export function AppPage() {
  const { say } = useTexts()
  const { provider, app } = useParams({ from: '/$mesh/apps/$provider/$app' })
  const { at } = useSearch({ from: '/$mesh/apps/$provider/$app' })
  const { mesh, chosen, prefix } = useAppsPlace(at)
  const place = { mesh, endpoint: chosen?.id ?? '', provider, app } as AppPlace
  const apps = useQuery({ ...APP_QUERIES.apps(place), enabled: chosen !== undefined })
  const releases = useQuery(APP_QUERIES.releases(place))
  const [isInstalling, setInstalling] = useState(false)
  const installed = apps.data?.apps.find(({ name }) => name === `${provider}/${app}`)?.installed
  return (
    <Stack>
      <Anchor
        renderRoot={props => (
          <Link {...props} to="/$mesh/apps" params={{ mesh }} search={at === undefined ? {} : { at }} />
        )}
      >
        {say('app.back')}
      </Anchor>
      <Heading
        place={place}
        endpoint={chosen?.name ?? ''}
        installed={installed}
        isKnown={apps.data !== undefined}
      />
      <Loaded query={apps}>
        {() =>
          installed === undefined ? (
            <Group>
              <Button onClick={() => setInstalling(true)}>{say('app.install')}</Button>
            </Group>
          ) : (
            <InstalledApp
              place={place}
              isLocal={chosen?.isLocal ?? false}
              app={installed}
              newest={newestOf(installed, releases.data?.releases ?? [])?.version}
              onUpdate={() => setInstalling(true)}
            />
          )
        }
      </Loaded>
      <InstallDialog
        wish={isInstalling ? { place, prefix, isUpdate: installed !== undefined } : undefined}
        onClose={() => setInstalling(false)}
      />
      <AppReleases place={place} query={releases} />
    </Stack>
  )
}

function Heading({
  place: { provider, app },
  endpoint,
  installed,
  isKnown,
}: {
  place: AppPlace
  endpoint: string
  installed: InstalledInfo | undefined
  isKnown: boolean
}) {
  const { say } = useTexts()
  return (
    <div>
      <Group>
        <Title order={1} style={{ overflowWrap: 'anywhere' }}>
          <Name>{`${provider}/${app}`}</Name>
        </Title>
        {isKnown && installed === undefined && (
          <StateBadge mood="resting">{say('app.state.available')}</StateBadge>
        )}
        {installed !== undefined && <AppState app={installed} />}
      </Group>
      <Text size="sm">
        {say('app.place')}: <Name>{endpoint}</Name>
      </Text>
      {installed !== undefined && (
        <Text>
          <Name>{installed.description}</Name>
        </Text>
      )}
    </div>
  )
}

interface InstalledProps {
  readonly place: AppPlace
  readonly isLocal: boolean
  readonly app: InstalledInfo
  readonly newest: string | undefined
  readonly onUpdate: () => void
}

function InstalledApp({ place, isLocal, app, newest, onUpdate }: InstalledProps) {
  const { say } = useTexts()
  return (
    <>
      {app.error !== undefined && (
        <Alert color="red" role="alert">
          <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
            {app.error}
          </Text>
        </Alert>
      )}
      <Group gap="xs">
        {app.hasPage && isLocal && app.state === 'running' && (
          <Button component="a" size="compact-sm" href={pageHref(place.mesh, app)}>
            {say('app.open')}
          </Button>
        )}
        <Button size="compact-sm" variant={newest === undefined ? 'default' : 'filled'} onClick={onUpdate}>
          {newest === undefined ? say('app.update') : `${say('app.update')} ${newest}`}
        </Button>
        <LifeButtons place={place} app={app} />
      </Group>
      {app.hasPage && !isLocal && <Text size="sm">{say('app.elsewhere')}</Text>}
      <Facts app={app} />
      <Title order={2} size="h3">
        {say('app.asks')}
      </Title>
      <GivenAsks asks={app.asks} />
      {isLocal && app.state === 'running' && <AppSettingsSection place={place} />}
      <AppLog place={place} />
    </>
  )
}

function LifeButtons({ place, app }: { place: AppPlace; app: InstalledInfo }) {
  const { say } = useTexts()
  const name = `${app.provider}/${app.name}`
  const params = { ...place }
  const change = (body: { isRunning?: boolean; isDisabled?: boolean }) => () =>
    call(AGENT_API.changeInstalled, { params, body })
  const isWanted = app.state !== 'stopped' && app.state !== 'disabled'
  const { previous } = app
  const erase = (data: 'keep' | 'erase') => () => call(AGENT_API.eraseInstalled, { params, query: { data } })
  return (
    <>
      {(app.state === 'stopped' || app.state === 'failed') && (
        <ActionButton label={`${say('app.start')} ${name}`} run={change({ isRunning: true })}>
          {say('app.start')}
        </ActionButton>
      )}
      {isWanted && (
        <ActionButton label={`${say('app.stop')} ${name}`} run={change({ isRunning: false })}>
          {say('app.stop')}
        </ActionButton>
      )}
      <ActionButton
        label={`${say(app.state === 'disabled' ? 'app.enable' : 'app.disable')} ${name}`}
        run={change({ isDisabled: app.state !== 'disabled' })}
      >
        {say(app.state === 'disabled' ? 'app.enable' : 'app.disable')}
      </ActionButton>
      {previous !== undefined && (
        <ActionButton
          label={`${say('app.rollback', { version: previous })} ${name}`}
          question={say('app.rollbackAsk', { version: previous })}
          run={() => call(AGENT_API.rollBack, { params })}
        >
          {say('app.rollback', { version: previous })}
        </ActionButton>
      )}
      <ActionButton
        label={`${say('app.erase')} ${name}`}
        question={say('app.eraseAsk', { name })}
        run={erase('erase')}
      >
        {say('app.erase')}
      </ActionButton>
      <ActionButton
        label={`${say('app.eraseKeep')} ${name}`}
        question={say('app.eraseKeepAsk', { name })}
        run={erase('keep')}
      >
        {say('app.eraseKeep')}
      </ActionButton>
    </>
  )
}

function Facts({ app }: { app: InstalledInfo }) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  const { version, channel, installedAtMs, restartCount, memoryMb, cpuPercent, publicKey, hash, previous } =
    app
  return (
    <Card withBorder component="section" aria-label={say('app.facts')} style={{ overflowWrap: 'anywhere' }}>
      <Text size="sm">
        {say('app.version')}: {version} ({channel})
      </Text>
      {previous !== undefined && (
        <Text size="sm">
          {say('app.before')}: {previous}
        </Text>
      )}
      <Text size="sm">
        {say('app.installed')}: {formatWhen(installedAtMs, now, language)}
      </Text>
      {restartCount > 0 && (
        <Text size="sm">
          {say('app.restarts')}: {restartCount}
        </Text>
      )}
      <Text size="sm">{say('app.limits', { memory: memoryMb, cpu: cpuPercent })}</Text>
      <Text size="sm">
        {say('app.key')}: <Code>{publicKey}</Code>
      </Text>
      <Text size="sm">
        {say('app.hash')}: <Code>{hash}</Code>
      </Text>
    </Card>
  )
}

/** What an app logs, as it comes, the newest first. */
function AppLog({ place }: { place: AppPlace }) {
  const { say, language } = useTexts()
  const [level, setLevel] = useState<(typeof LEVELS)[number]>('info')
  const query = useQuery(APP_QUERIES.log(place, level))
  const time = new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'medium' })
  return (
    <section aria-label={say('app.log')}>
      <Group align="end" mb="xs">
        <Title order={2} size="h3">
          {say('app.log')}
        </Title>
        <Select
          aria-label={say('app.logLevel')}
          size="xs"
          data={LEVELS}
          value={level}
          onChange={chosen => setLevel(LEVELS.find(one => one === chosen) ?? 'info')}
          allowDeselect={false}
        />
      </Group>
      <Loaded query={query}>
        {({ lines }) =>
          lines.length === 0 ? (
            <Text size="sm">{say('app.logEmpty')}</Text>
          ) : (
            lines.toReversed().map((line, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: two lines may be the same
              <Code key={index} block mb={2} style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>
                <Name>{`${time.format(line.timeMs)} ${line.level} ${line.event} ${JSON.stringify(line.fields)}`}</Name>
              </Code>
            ))
          )
        }
      </Loaded>
    </section>
  )
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
