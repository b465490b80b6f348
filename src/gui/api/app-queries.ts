import { queryOptions } from '@tanstack/react-query'
import { AGENT_API } from '../../core/api/agent-api.ts'
import { APP_SETTINGS_API } from '../../core/api/app-settings-api.ts'
import type { AppRef } from '../../core/app/manifest.ts'
import { call } from './call.ts'

/** An endpoint of one's own, by its id. */
export interface AppsPlace {
  readonly mesh: string
  readonly endpoint: string
}

/** An app, where it is or may be installed. */
export interface AppPlace extends AppsPlace {
  readonly provider: AppRef['provider']
  readonly app: AppRef['name']
}

/** What the page asks for about apps, each under the key it is kept by. */
export const APP_QUERIES = {
  apps: ({ mesh, endpoint }: AppsPlace) =>
    queryOptions({
      queryKey: ['apps', mesh, endpoint],
      queryFn: ({ signal }) => call(AGENT_API.listApps, { params: { mesh, endpoint } }, { signal }),
      // An app that ends or crashes at another endpoint does not tell.
      refetchInterval: LIVE_MS,
    }),
  catalogue: (mesh: string) =>
    queryOptions({
      queryKey: ['catalogue', mesh],
      queryFn: ({ signal }) => call(AGENT_API.listReleases, { params: { mesh }, query: {} }, { signal }),
      refetchInterval: CATALOGUE_MS,
    }),
  releases: ({ mesh, provider, app }: Omit<AppPlace, 'endpoint'>) =>
    queryOptions({
      queryKey: ['releases', mesh, provider, app],
      queryFn: ({ signal }) => call(AGENT_API.showReleases, { params: { mesh, provider, app } }, { signal }),
      refetchInterval: CATALOGUE_MS,
    }),
  offer: (place: AppPlace, wish: string | undefined) =>
    queryOptions({
      queryKey: ['offer', ...valuesOf(place), wish],
      queryFn: ({ signal }) =>
        call(
          AGENT_API.offerInstall,
          { params: { ...place }, query: wish === undefined ? {} : { wish } },
          { signal },
        ),
      // What a person consents to does not change under their hands: installing says if it has.
      staleTime: 'static',
      gcTime: 0,
    }),
  progress: (place: AppPlace) =>
    queryOptions({
      queryKey: ['install-progress', ...valuesOf(place)],
      queryFn: ({ signal }) => call(AGENT_API.showInstallProgress, { params: { ...place } }, { signal }),
      refetchInterval: PROGRESS_MS,
      gcTime: 0,
      // An endpoint that is older does not tell.
      retry: false,
    }),
  log: (place: AppPlace, level: 'debug' | 'info' | 'warn' | 'error') =>
    queryOptions({
      queryKey: ['app-log', ...valuesOf(place), level],
      queryFn: ({ signal }) =>
        call(AGENT_API.showInstalledLog, { params: { ...place }, query: { level, limit: 500 } }, { signal }),
      refetchInterval: LIVE_MS,
    }),
  settings: (place: Omit<AppPlace, 'endpoint'>) =>
    queryOptions({
      queryKey: ['app-settings', place.mesh, place.provider, place.app],
      queryFn: ({ signal }) =>
        call(APP_SETTINGS_API.showSettings, {}, { prefix: settingsPrefix(place), signal }),
    }),
  publisher: () =>
    queryOptions({
      queryKey: ['publisher'],
      queryFn: ({ signal }) => call(AGENT_API.showPublisher, {}, { signal }),
    }),
} as const

/** Where the agent answers for an app at this endpoint. */
export function settingsPrefix({ mesh, provider, app }: Omit<AppPlace, 'endpoint'>): string {
  return `/api/meshes/${[mesh, 'apps', provider, app].map(encodeURIComponent).join('/')}`
}

const valuesOf = ({ mesh, endpoint, provider, app }: AppPlace) => [mesh, endpoint, provider, app]

const PROGRESS_MS = 400
const LIVE_MS = 2_000
const CATALOGUE_MS = 10_000
