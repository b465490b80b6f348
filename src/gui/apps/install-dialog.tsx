import { Alert, Button, Checkbox, Code, Group, Modal, Progress, Select, Stack, Text } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { AGENT_API } from '../../core/api/agent-api.ts'
import type { InstallOffer } from '../../core/api/installed-api.ts'
import { APP_QUERIES, type AppPlace } from '../api/app-queries.ts'
import { call } from '../api/call.ts'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { formatCommand } from '../parts/command-words.ts'
import { EqualCommand } from '../parts/equal-command.tsx'
import { Failure } from '../parts/failure.tsx'
import { Loaded } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'
import { ChosenAsks } from './app-asks.tsx'

/** What is to be installed or updated, and where. */
export interface InstallWish {
  readonly place: AppPlace
  /** The words before a command for that endpoint: `ep office`; none for this one. */
  readonly prefix: readonly string[]
  readonly isUpdate: boolean
}

/** Asks a person whether to install, or update, an app: what it is, whose, what it wants; and does it. */
export function InstallDialog({ wish, onClose }: { wish: InstallWish | undefined; onClose: () => void }) {
  const { say } = useTexts()
  const name = wish === undefined ? '' : `${wish.place.provider}/${wish.place.app}`
  return (
    <Modal
      opened={wish !== undefined}
      onClose={onClose}
      size="lg"
      title={`${say(wish?.isUpdate ? 'app.update' : 'app.install')} ${visibleName(name)}`}
      closeButtonProps={{ 'aria-label': say('action.close') }}
    >
      {wish !== undefined && <Chooser wish={wish} onDone={onClose} />}
    </Modal>
  )
}

function Chooser({ wish, onDone }: { wish: InstallWish; onDone: () => void }) {
  const { say } = useTexts()
  const { place } = wish
  const [version, setVersion] = useState<string | null>(null)
  const releases = useQuery(APP_QUERIES.releases(place))
  const offer = useQuery(APP_QUERIES.offer(place, version ?? undefined))
  const known = (releases.data?.releases ?? []).filter(({ isWithdrawn }) => !isWithdrawn)
  const channels = [...new Set(known.map(({ channel }) => channel))]
  return (
    <Stack>
      <Select
        label={say('app.wish')}
        placeholder={offer.data?.release.version ?? ''}
        data={[
          ...channels.map(channel => ({ value: channel, label: say('app.wishChannel', { channel }) })),
          ...[...new Set(known.map(({ version }) => version))].map(one => ({ value: one, label: one })),
        ]}
        value={version}
        onChange={setVersion}
      />
      <Loaded query={offer}>
        {found => (
          <Consent key={found.release.hash} wish={wish} version={version} offer={found} onDone={onDone} />
        )}
      </Loaded>
    </Stack>
  )
}

interface ConsentProps {
  readonly wish: InstallWish
  readonly version: string | null
  readonly offer: InstallOffer
  readonly onDone: () => void
}

function Consent({ wish, version, offer, onDone }: ConsentProps) {
  const { say } = useTexts()
  const { place, isUpdate } = wish
  const { release, asks, isNewKey, isOlder } = offer
  const [grants, setGrants] = useState<readonly string[]>(asks.map(({ key }) => key))
  const [isNewKeyMeant, setNewKeyMeant] = useState(false)
  const [isOlderMeant, setOlderMeant] = useState(false)
  const [isStarted, setStarted] = useState(true)
  const install = useInstall(onDone)
  const isSame = offer.installed === release.version
  const words = [
    ...['ztm', ...wish.prefix, isUpdate ? 'update' : 'install', 'app'],
    `${place.provider}/${place.app}${version === null ? '' : `@${version}`}`,
    ...(grants.length === asks.length
      ? ['--yes']
      : (grants.length === 0 ? ['none'] : grants).flatMap(key => ['--grant', key])),
    ...(isNewKeyMeant ? ['--accept-new-key'] : []),
    ...(isOlderMeant ? ['--allow-older'] : []),
    ...(isStarted || isUpdate ? [] : ['--no-start']),
  ]
  return (
    <Stack>
      <ReleaseFacts offer={offer} />
      {isNewKey && (
        <Alert color="red" role="alert">
          <Text size="sm">{say('app.isNewKey')}</Text>
          <Checkbox
            mt="xs"
            label={say('app.isNewKeyMeant', { publisher: visibleName(release.provider) })}
            checked={isNewKeyMeant}
            onChange={event => setNewKeyMeant(event.currentTarget.checked)}
          />
        </Alert>
      )}
      {isOlder && (
        <Alert color="orange" role="alert">
          <Text size="sm">{say('app.isOlder')}</Text>
          <Checkbox
            mt="xs"
            label={say('app.isOlderMeant')}
            checked={isOlderMeant}
            onChange={event => setOlderMeant(event.currentTarget.checked)}
          />
        </Alert>
      )}
      <ChosenAsks asks={asks} isUpdate={offer.installed !== undefined} chosen={grants} onChange={setGrants} />
      {isSame && <Text size="sm">{say('app.upToDate')}</Text>}
      <Checkbox
        label={say('app.startAfter')}
        checked={isStarted}
        onChange={event => setStarted(event.currentTarget.checked)}
      />
      <EqualCommand>{formatCommand(...words)}</EqualCommand>
      {install.error !== null && <Failure error={install.error} />}
      {install.isPending && <Fetching place={place} sizeBytes={release.sizeBytes} />}
      <Group>
        <Button
          loading={install.isPending}
          disabled={(isNewKey && !isNewKeyMeant) || (isOlder && !isOlderMeant)}
          onClick={() =>
            install.mutate({
              params: { ...place },
              body: {
                ...(version !== null && { wish: version }),
                hash: release.hash,
                grants: [...grants],
                ...{ isNewKeyMeant, isOlderMeant, isStarted },
              },
            })
          }
        >
          {say(buttonOf(isUpdate, grants.length > 0))}
        </Button>
        <Button variant="default" onClick={onDone}>
          {say('action.cancel')}
        </Button>
      </Group>
    </Stack>
  )
}

function buttonOf(isUpdate: boolean, isAllowing: boolean) {
  if (isUpdate) return isAllowing ? 'app.updateAllow' : 'app.update'
  return isAllowing ? 'app.installAllow' : 'app.install'
}

function useInstall(onDone: () => void) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (wish: Parameters<typeof call<typeof AGENT_API.installApp>>[1]) =>
      call(AGENT_API.installApp, wish),
    async onSuccess() {
      await queries.invalidateQueries()
      onDone()
    },
  })
}

function ReleaseFacts({ offer: { release, isNewKey, installed } }: { offer: InstallOffer }) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  const { version, channel, description, provider, sizeBytes, publicKey, publishedAtMs } = release
  return (
    <div>
      {description !== '' && (
        <Text>
          <Name>{description}</Name>
        </Text>
      )}
      <Text size="sm">
        {say('app.version')}: {installed !== undefined && installed !== version && `${installed} → `}
        {version} ({channel}), {formatBytes(sizeBytes, language)}, {formatWhen(publishedAtMs, now, language)}
      </Text>
      <Text size="sm">
        {say('app.publisher')}: <Name>{provider}</Name>
      </Text>
      <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
        {say('app.key')}: <Code>{publicKey}</Code>{' '}
        {!isNewKey && say(installed === undefined ? 'app.keyFirst' : 'app.keySame')}
      </Text>
    </div>
  )
}

/** That it goes on: how much is fetched, and for how long. */
function Fetching({ place, sizeBytes }: { place: AppPlace; sizeBytes: number }) {
  const { say, language } = useTexts()
  const [startedMs] = useState(() => Date.now())
  const { data } = useQuery(APP_QUERIES.progress(place))
  const now = useNow()
  const seconds = Math.max(0, Math.round((now - startedMs) / 1_000))
  const received = data?.receivedBytes ?? 0
  const isFetching = data !== undefined && data.sizeBytes > 0
  return (
    <div role="status">
      <Text size="sm">
        {say('app.installing', { size: formatBytes(sizeBytes, language), seconds })}
        {isFetching && ` ${formatBytes(received, language)}`}
      </Text>
      <Progress
        value={isFetching ? (100 * received) / data.sizeBytes : 100}
        striped
        animated
        aria-label={say('app.install')}
      />
    </div>
  )
}
