// What a counter is to the office: a name, its section of the configuration, and a way to open it.

import type { z } from 'zod';
import type { Endpoint } from '../net/endpoint.ts';
import type { TlsIdentity } from '../net/tls-identity.ts';
import type { Controls, Desk } from './control.ts';
import type { Chapter } from './demo.ts';
import type { Post } from './post.ts';

export interface Counter<Settings> {
  /** Lower case: the name of its section in the configuration and of its commands. */
  readonly name: string;
  /** As people write it. */
  readonly title: string;
  /** Every key has a default and a description, from which the configuration file is written. */
  readonly settings: z.ZodType<Settings>;
  /** Whole command lines for somebody who meets it for the first time, in the order to try them. HOST is the office's name. */
  readonly firstSteps?: readonly string[];
  /** Its chapter of the demo, loaded when it is told. */
  chapter?(): Promise<Chapter>;
  /** Its mailboxes as files in a layout of its own, loaded when somebody leaves or arrives. */
  files?(): Promise<CounterFiles<Settings>>;
  /** What its operator may ask, whether the office runs or not. */
  readonly controls?: Controls<Settings>;
  /** Whether it stays closed with these settings, although it is among the counters of the office. */
  rests?(settings: Settings): boolean;
  /**
   * Settings that must not be used, each with its remedy; checked before anything is opened. `beside` has the names of the counters
   * that are at work in this office; without it the counter is judged as if it were alone.
   */
  dangers?(settings: Settings, beside?: ReadonlySet<string>): readonly Danger[];
  /** Settings that are allowed and deserve a word from the doctor. */
  warnings?(settings: Settings, beside?: ReadonlySet<string>): readonly Danger[];
  /** Where it would listen, so that the office can judge addresses before opening. */
  listens(settings: Settings): readonly Endpoint[];
  open(house: House, settings: Settings): Promise<OpenCounter<Settings>>;
}

/** Each works on the store of an office that is closed, and can be repeated after it broke off. */
export interface CounterFiles<Settings> {
  export(desk: Desk<Settings>, folder: string, moved: Moved): Promise<void>;
  import(desk: Desk<Settings>, folder: string, moved: Moved): Promise<void>;
}

/** Told of each thing that was written or taken in. */
export interface Moved {
  mailbox(): void;
  message(): void;
}

export interface House {
  readonly post: Post;
  readonly identity: TlsIdentity;
  /**
   * The counter's own folder, mode 0700: key files (mode 0600) and whatever else does not belong into the store. It is copied
   * by a backup, all but what lies in its folder `work`.
   */
  readonly folder: string;
  /** The name under which others reach this office. */
  readonly hostname: string;
}

export interface Danger {
  readonly setting: string;
  readonly message: string;
  readonly remedy: string;
}

export interface OpenCounter<Settings> {
  readonly listening: readonly Listening[];
  /** Open conversations. */
  readonly connections: number;
  /** What its operator may ask only while it is open. */
  readonly controls?: Controls<Settings>;
  /** Takes new settings and a renewed certificate; no conversation is dropped. */
  reload(house: House, settings: Settings): Promise<void>;
  /** Lets what is under way finish for at most `grace` ms. */
  close(grace: number): Promise<void>;
}

export interface Listening {
  readonly at: Endpoint;
  /** `TLS`, `TLS behind an onion service`, … for people. */
  readonly what: string;
}
