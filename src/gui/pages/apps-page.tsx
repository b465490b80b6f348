import { Anchor, Badge, Button, Group, Select, Stack, Text, TextInput, Title } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import type { ReleaseInfo } from '../../core/api/catalogue-api.ts'
import type { InstalledInfo } from '../../core/api/installed-api.ts'
import { APP_QUERIES } from '../api/app-queries.ts'
import { AppState } from '../apps/app-state.tsx'
import { newestOf, pageHref } from '../apps/app-versions.ts'
import { InstallDialog, type InstallWish } from '../apps/install-dialog.tsx'
import { PublishDialog } from '../apps/publish-form.tsx'
import { useAppsPlace } from '../apps/use-apps-place.ts'
import { formatBytes, formatWhen } from '../parts/amounts.ts'
import { Listing } from '../parts/listing.tsx'
import { Loaded, Missing } from '../parts/loaded.tsx'
import { Name, visibleName } from '../parts/name.tsx'
import { useNow } from '../parts/use-now.ts'
import { useTexts } from '../texts/texts.ts'

/** The apps of an endpoint of one's own, and those that could be installed there. */
export function AppsPage() {
  const { say } = useTexts()
  const { at } = useSearch({ from: '/$mesh/apps' })
  const { mesh, own, asked, chosen, prefix } = useAppsPlace(at)
  const navigate = useNavigate()
  const [search, setSearch] = useState('')
  const [isPublishing, { open, close }] = useDisclosure()
  const [wish, setWish] = useState<InstallWish>()
  const place = { mesh, endpoint: chosen?.id ?? '' }
  const choose = (app: Pick<ReleaseInfo, 'provider' | 'name'>, isUpdate: boolean) =>
    setWish({ place: { ...place, provider: app.provider, app: app.name }, prefix, isUpdate })
  return (
    <Stack>
      <Group justify="space-between">
        <Title order={1}>{say('apps.title')}</Title>
        <Button variant="default" onClick={open}>
          {say('publish.title')}
        </Button>
      </Group>
      <Missing query={asked} />
      <Group align="end">
        <Select
          label={say('app.place')}
          data={own.map(({ id, name, isLocal }) => ({
            value: id,
            label: isLocal ? `${visibleName(name)} (${say('endpoint.local')})` : visibleName(name),
          }))}
          value={chosen?.id ?? null}
          onChange={id =>
            void navigate({
              to: '/$mesh/apps',
              params: { mesh },
              search: id === null || own.find(one => one.id === id)?.isLocal ? {} : { at: id },
            })
          }
          allowDeselect={false}
          searchable
          limit={50}
        />
        <TextInput
          label={say('action.search')}
          value={search}
          onChange={event => setSearch(event.currentTarget.value)}
        />
      </Group>
      {chosen !== undefined && <Lists place={place} at={at} search={search} onChoose={choose} />}
      <InstallDialog wish={wish} onClose={() => setWish(undefined)} />
      <PublishDialog isOpen={isPublishing} place={place} prefix={prefix} onClose={close} />
    </Stack>
  )
}

interface ListsProps {
  readonly place: { readonly mesh: string; readonly endpoint: string }
  readonly at: string | undefined
  readonly search: string
  readonly onChoose: (app: Pick<ReleaseInfo, 'provider' | 'name'>, isUpdate: boolean) => void
}

function Lists({ place, at, search, onChoose }: ListsProps) {
  const { say } = useTexts()
  const apps = useQuery(APP_QUERIES.apps(place))
  const catalogue = useQuery(APP_QUERIES.catalogue(place.mesh))
  const releases = catalogue.data?.releases ?? []
  const fits = (one: Pick<ReleaseInfo, 'provider' | 'name' | 'description'>) =>
    `${one.provider}/${one.name} ${one.description}`.toLowerCase().includes(search.trim().toLowerCase())
  const here = (apps.data?.apps ?? []).flatMap(({ installed }) => installed ?? [])
  const isHere = (one: ReleaseInfo) =>
    here.some(({ provider, name }) => provider === one.provider && name === one.name)
  return (
    <>
      <Title order={2} size="h3">
        {say('app.here')}
      </Title>
      <Loaded query={apps}>
        {({ apps: all }) => (
          <>
            <Installed
              mesh={place.mesh}
              at={at}
              apps={here.filter(fits)}
              releases={releases}
              onUpdate={app => onChoose(app, true)}
            />
            <Group gap={6}>
              <Text size="sm">{say('app.builtin')}:</Text>
              {all
                .filter(({ isBuiltin }) => isBuiltin)
                .map(({ name }) => (
                  <Badge key={name} variant="default" tt="none">
                    <Name>{name.replace('ztm/', '')}</Name>
                  </Badge>
                ))}
            </Group>
          </>
        )}
      </Loaded>
      <Title order={2} size="h3">
        {say('app.catalogue')}
      </Title>
      <Loaded query={catalogue}>
        {({ releases: all }) => (
          <Catalogue
            mesh={place.mesh}
            at={at}
            releases={all.filter(one => !isHere(one) && fits(one))}
            onInstall={app => onChoose(app, false)}
          />
        )}
      </Loaded>
    </>
  )
}

function Installed({
  mesh,
  at,
  apps,
  releases,
  onUpdate,
}: {
  mesh: string
  at: string | undefined
  apps: readonly InstalledInfo[]
  releases: readonly ReleaseInfo[]
  onUpdate: (app: InstalledInfo) => void
}) {
  const { say } = useTexts()
  return (
    <Listing<InstalledInfo>
      label={say('app.here')}
      rows={apps}
      keyOf={nameOf}
      empty={say('app.hereNone')}
      columns={[
        { title: say('app.name'), cell: app => <AppLink mesh={mesh} at={at} app={app} /> },
        { title: say('app.description'), cell: ({ description }) => <Name>{description}</Name> },
        { title: say('app.version'), cell: ({ version, channel }) => `${version} (${channel})` },
        { title: say('state.title'), cell: app => <AppState app={app} /> },
        {
          title: say('app.newest'),
          cell: app => {
            const newest = newestOf(app, releases)
            if (newest === undefined) return null
            return (
              <Button
                size="compact-xs"
                aria-label={`${say('app.update')} ${newest.version} ${nameOf(app)}`}
                onClick={() => onUpdate(app)}
              >
                {`${say('app.update')} ${newest.version}`}
              </Button>
            )
          },
        },
        {
          title: say('app.page'),
          cell: app =>
            at === undefined &&
            app.hasPage &&
            app.state === 'running' && (
              // A document of its own: what it may show in a frame is said when it is loaded.
              <Anchor href={pageHref(mesh, app)} aria-label={`${say('app.open')} ${nameOf(app)}`}>
                {say('app.open')}
              </Anchor>
            ),
        },
      ]}
    />
  )
}

function Catalogue({
  mesh,
  at,
  releases,
  onInstall,
}: {
  mesh: string
  at: string | undefined
  releases: readonly ReleaseInfo[]
  onInstall: (app: ReleaseInfo) => void
}) {
  const { say, language } = useTexts()
  const now = useNow(30_000)
  return (
    <Listing<ReleaseInfo>
      label={say('app.catalogue')}
      rows={releases}
      keyOf={one => `${nameOf(one)}@${one.channel}`}
      empty={say('app.catalogueNone')}
      columns={[
        { title: say('app.name'), cell: one => <AppLink mesh={mesh} at={at} app={one} /> },
        { title: say('app.description'), cell: ({ description }) => <Name>{description}</Name> },
        { title: say('app.version'), cell: ({ version, channel }) => `${version} (${channel})` },
        { title: say('app.size'), cell: ({ sizeBytes }) => formatBytes(sizeBytes, language) },
        { title: say('app.published'), cell: one => formatWhen(one.publishedAtMs, now, language) },
        {
          title: '',
          cell: one => (
            <Button
              size="compact-xs"
              variant="default"
              aria-label={`${say('app.install')} ${nameOf(one)}`}
              onClick={() => onInstall(one)}
            >
              {say('app.install')}
            </Button>
          ),
        },
      ]}
    />
  )
}

function AppLink({
  mesh,
  at,
  app,
}: {
  mesh: string
  at: string | undefined
  app: Pick<ReleaseInfo, 'provider' | 'name'>
}) {
  const { provider, name } = app
  return (
    <Anchor
      renderRoot={props => (
        <Link
          {...props}
          to="/$mesh/apps/$provider/$app"
          params={{ mesh, provider, app: name }}
          search={at === undefined ? {} : { at }}
        />
      )}
    >
      <Name>{nameOf(app)}</Name>
    </Anchor>
  )
}

function nameOf({ provider, name }: Pick<ReleaseInfo, 'provider' | 'name'>): string {
  return `${provider}/${name}`
}
