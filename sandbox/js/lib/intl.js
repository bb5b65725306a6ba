// Intl: dates, numbers, collation, plurals and lists, for English and some neighbours; the Gregorian calendar, latin digits.
// A locale that is not here is answered in English (US), as ECMA-402 lets an implementation do. Time zones are the host's (host_intl.py).
(function (native, lib) {
  'use strict';
  const { call } = native.internals;
  const split = (text) => text.split(' ');
  const EN_MONTHS = split('January February March April May June July August September October November December');
  const EN_DAYS = split('Sunday Monday Tuesday Wednesday Thursday Friday Saturday');
  const NBSP = '\u00a0', NARROW = '\u202f';
  // numeric: fields in order, what joins them; d, m: least digits of day and month; text: how a month in words stands among the rest.
  const EN = {
    months: EN_MONTHS, shortMonths: EN_MONTHS.map((name) => name.slice(0, 3)), days: EN_DAYS, shortDays: EN_DAYS.map((name) => name.slice(0, 3)),
    numeric: 'mdy', joint: '/', d: 1, m: 1, text: (w, d, m, y) => [w, [m, d].filter(Boolean).join(' ') || d, y].filter(Boolean),
    comma: ', ', h12: true, h: 1, glue: ', ', at: ' at ', decimal: '.', group: ',', least: 1, currency: (sign, text) => (sign.length === 1 || sign.endsWith('$') ? sign : sign + NBSP) + text, percent: '%',
    styles: { full: { weekday: 'long', year: 'numeric', month: 'long', day: 'numeric' }, long: { year: 'numeric', month: 'long', day: 'numeric' }, medium: { year: 'numeric', month: 'short', day: 'numeric' }, short: { year: '2-digit', month: 'numeric', day: 'numeric' } },
  };
  const dayFirst = (w, d, m, y) => [w, [d, m, y].filter(Boolean).join(' ')].filter(Boolean);
  const DMY = { numeric: 'dmy', h12: false, h: 2, text: dayFirst, at: ', ', decimal: ',', group: '.', currency: (sign, text) => text + NBSP + sign, percent: NBSP + '%' };
  const short = (options) => ({ ...EN.styles, short: options });
  const fully = { year: 'numeric', month: '2-digit', day: '2-digit' };
  const LOCALES = {
    'en-US': EN,
    'en-GB': { ...EN, numeric: 'dmy', d: 2, m: 2, h12: false, h: 2, text: (w, d, m, y) => (w && !y && m && d ? [[w, d, m].join(' ')] : dayFirst(w, d, m, y)), shortMonths: EN.shortMonths.map((name) => (name === 'Sep' ? 'Sept' : name)), styles: short(fully) },
    'de-DE': { ...EN, ...DMY, joint: '.', months: split('Januar Februar März April Mai Juni Juli August September Oktober November Dezember'), shortMonths: split('Jan. Feb. März Apr. Mai Juni Juli Aug. Sept. Okt. Nov. Dez.'), days: split('Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag'), shortDays: split('So Mo Di Mi Do Fr Sa'), text: (w, d, m, y) => [w, [d && m ? `${d}.` : d, m, y].filter(Boolean).join(' ')].filter(Boolean), at: ' um ', styles: { ...EN.styles, medium: fully, short: { year: '2-digit', month: '2-digit', day: '2-digit' } } },
    'fr-FR': { ...EN, ...DMY, d: 2, m: 2, glue: ' ', at: ' à ', group: NARROW, months: split('janvier février mars avril mai juin juillet août septembre octobre novembre décembre'), shortMonths: split('janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.'), days: split('dimanche lundi mardi mercredi jeudi vendredi samedi'), shortDays: split('dim. lun. mar. mer. jeu. ven. sam.'), comma: ' ', styles: short(fully) },
    'es-ES': { ...EN, ...DMY, h: 1, least: 2, months: split('enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre'), shortMonths: split('ene feb mar abr may jun jul ago sept oct nov dic'), days: split('domingo lunes martes miércoles jueves viernes sábado'), shortDays: split('dom lun mar mié jue vie sáb'), text: (w, d, m, y, long) => [w, [d, m, y].filter(Boolean).join(long ? ' de ' : ' ')].filter(Boolean) },
    'it-IT': { ...EN, ...DMY, least: 2, d: 2, m: 2, percent: '%', months: split('gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre'), shortMonths: split('gen feb mar apr mag giu lug ago set ott nov dic'), days: split('domenica lunedì martedì mercoledì giovedì venerdì sabato'), shortDays: split('dom lun mar mer gio ven sab'), comma: ' ', styles: short({ year: '2-digit', month: '2-digit', day: '2-digit' }) },
    'nl-NL': { ...EN, ...DMY, joint: '-', at: ' om ', percent: '%', months: split('januari februari maart april mei juni juli augustus september oktober november december'), shortMonths: split('jan feb mrt apr mei jun jul aug sep okt nov dec'), days: split('zondag maandag dinsdag woensdag donderdag vrijdag zaterdag'), shortDays: split('zo ma di wo do vr za'), comma: ' ', currency: (sign, text) => sign + NBSP + text, styles: short(fully) },
    'pt-BR': { ...EN, ...DMY, d: 2, m: 2, at: ' às ', percent: '%', months: split('janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro'), shortMonths: split('jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.'), days: split('domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado'), shortDays: split('dom. seg. ter. qua. qui. sex. sáb.'), text: (w, d, m, y) => [w, [d, m, y].filter(Boolean).join(' de ')].filter(Boolean), currency: (sign, text) => sign + NBSP + text, styles: short(fully) },
    'sv-SE': { ...EN, ...DMY, numeric: 'ymd', joint: '-', d: 2, m: 2, glue: ' ', at: ' kl. ', group: NBSP, months: split('januari februari mars april maj juni juli augusti september oktober november december'), shortMonths: split('jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.'), days: split('söndag måndag tisdag onsdag torsdag fredag lördag'), shortDays: split('sön mån tis ons tors fre lör'), comma: ' ', styles: short(fully) },
  };
  const EAST = { ...EN, numeric: 'ymd', joint: '/', h12: false, glue: ' ', at: ' ', comma: '', text: (w, d, m, y) => [(y ? `${y}年` : '') + (m ?? '') + (d ? `${d}日` : '') + (w ?? '')], months: split('1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月'), shortMonths: split('1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月') };
  LOCALES['ja-JP'] = { ...EAST, h: 1, days: split('日曜日 月曜日 火曜日 水曜日 木曜日 金曜日 土曜日'), shortDays: split('日 月 火 水 木 金 土'), styles: { ...EN.styles, medium: fully, short: fully }, currency: (sign, text) => (sign === '¥' ? '￥' : sign) + text };
  LOCALES['zh-CN'] = { ...EAST, h: 2, days: split('星期日 星期一 星期二 星期三 星期四 星期五 星期六'), shortDays: split('周日 周一 周二 周三 周四 周五 周六'), styles: { ...EN.styles, medium: EN.styles.long, short: { year: 'numeric', month: 'numeric', day: 'numeric' } } };
  LOCALES['en-CA'] = { ...EN, numeric: 'ymd', joint: '-', d: 2, m: 2, halves: ['a.m.', 'p.m.'], styles: short(fully) };
  LOCALES['en-AU'] = { ...LOCALES['en-GB'], h12: true, h: 1, halves: ['am', 'pm'] };
  const ALIASES = { en: 'en-US', de: 'de-DE', fr: 'fr-FR', es: 'es-ES', it: 'it-IT', nl: 'nl-NL', pt: 'pt-BR', sv: 'sv-SE', 'en-NZ': 'en-GB', 'en-IE': 'en-GB', 'en-IN': 'en-GB', 'de-AT': 'de-DE', ja: 'ja-JP', zh: 'zh-CN' };
  const TAG = /^[a-z]{2,3}(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?(?:-[a-z0-9-]+)?$/i;
  function canonical(tag) {
    if (typeof tag !== 'string' && !(tag instanceof Locale)) throw new TypeError('Incorrect locale information provided');
    if (!TAG.test(String(tag))) throw new RangeError(`Incorrect locale information provided`);
    return String(tag).split('-').map((part, at) => (at === 0 ? part.toLowerCase() : part.length === 4 ? part[0].toUpperCase() + part.slice(1).toLowerCase() : part.length === 2 ? part.toUpperCase() : part)).join('-');
  }
  const asked = (locales) => (locales === undefined ? [] : (Array.isArray(locales) ? locales : [locales]).map(canonical));
  function pick(locales) {
    for (const tag of asked(locales)) {
      const [language, ...rest] = tag.split('-u-')[0].split('-');
      const region = rest.find((part) => part.length === 2);
      const full = region ? `${language}-${region}` : language;
      const found = LOCALES[full] ? full : ALIASES[full] ?? (LOCALES[ALIASES[language]] ? ALIASES[language] : null);
      if (found) return { tag, locale: LOCALES[found], name: found };
    }
    return { tag: asked(locales)[0] ? 'en-US' : 'en-US', locale: EN, name: 'en-US' };
  }
  const chosen = (options, name, values, fallback) => {
    const value = options?.[name];
    if (value === undefined) return fallback;
    if (!values.includes(String(value))) throw new RangeError(`Value ${value} out of range for Intl options property ${name}`);
    return String(value);
  };

  // ---- dates ------------------------------------------------------------------------------------------

  const DATE = ['weekday', 'era', 'year', 'month', 'day'];
  const TIME = ['dayPeriod', 'hour', 'minute', 'second', 'fractionalSecondDigits'];
  const NUMBERS = ['numeric', '2-digit'], WORDS = ['narrow', 'short', 'long'];
  const ALLOWED = { weekday: WORDS, era: WORDS, year: NUMBERS, month: [...NUMBERS, ...WORDS], day: NUMBERS, dayPeriod: WORDS, hour: NUMBERS, minute: NUMBERS, second: NUMBERS, fractionalSecondDigits: ['1', '2', '3'] };
  const zones = new Map();
  function zoneAt(zone, time) {
    if (zone === 'UTC') return { offset: 0, name: 'UTC', summer: false };
    const key = `${zone} ${Math.floor(time / 9e5)}`; // offsets change at quarters of an hour
    let found = zones.get(key);
    if (!found) {
      try {
        found = JSON.parse(lib('buffer').Buffer.from(call('intl.zone', lib('buffer').Buffer.from(JSON.stringify([zone, time])))).toString());
      } catch {
        throw new RangeError(`Invalid time zone specified: ${zone}`);
      }
      if (zones.size > 100) zones.clear();
      zones.set(key, found);
    }
    return found;
  }
  const UTC_NAMES = /^(?:UTC|GMT|Etc\/(?:UTC|GMT|UCT|Zulu|Universal)|Zulu|Universal)$/i;
  const pad = (value, size) => String(value).padStart(size, '0');
  const AMERICAN = { E: 'Eastern', C: 'Central', M: 'Mountain', P: 'Pacific', AK: 'Alaska', H: 'Hawaii-Aleutian' };
  const OTHER_NAMES = { IST: 'India Standard Time', CET: 'Central European Standard Time', CEST: 'Central European Summer Time', BST: 'British Summer Time', JST: 'Japan Standard Time', EET: 'Eastern European Standard Time', EEST: 'Eastern European Summer Time', WET: 'Western European Standard Time', WEST: 'Western European Summer Time' };
  function zoneName(zone, { offset, name }, style, british) {
    const minutes = Math.abs(offset) / 60000;
    const gmt = `GMT${offset < 0 ? '-' : '+'}${Math.floor(minutes / 60)}${minutes % 60 ? `:${pad(minutes % 60, 2)}` : ''}`;
    if (zone === 'UTC') return style === 'long' ? 'Coordinated Universal Time' : 'UTC';
    if (style.endsWith('Offset')) return offset === 0 ? 'GMT' : style === 'shortOffset' ? gmt : `GMT${offset < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60), 2)}:${pad(minutes % 60, 2)}`;
    const american = /^(?:America|US)\/|^Pacific\/Honolulu$/.test(zone) && /^(E|C|M|P|AK|H)([SD]?)T$/.exec(name);
    if (american) return style === 'long' ? `${AMERICAN[american[1]]} ${american[2] === 'D' ? 'Daylight' : 'Standard'} Time` : british ? gmt : name;
    if (style === 'long' && OTHER_NAMES[name]) return OTHER_NAMES[name];
    if (name === 'GMT') return style === 'long' ? 'Greenwich Mean Time' : 'GMT';
    return british && /^(?:CES?T|BST|WES?T|EES?T)$/.test(name) ? name : gmt;
  }
  function fieldsOf(options, needs, defaults) {
    const found = {};
    let any = false;
    for (const name of [...DATE, ...TIME]) {
      const value = chosen(options, name, ALLOWED[name]);
      if (value === undefined) continue;
      found[name] = value;
      if (name !== 'era' && (needs === 'any' || (needs === 'date' ? DATE : TIME).includes(name))) any = true;
    }
    const { dateStyle, timeStyle } = options ?? {};
    if (!any && dateStyle === undefined && timeStyle === undefined) {
      if (defaults !== 'time') Object.assign(found, { year: 'numeric', month: 'numeric', day: 'numeric' }, found);
      if (defaults !== 'date') Object.assign(found, { hour: 'numeric', minute: 'numeric', second: 'numeric' }, found);
    }
    return found;
  }
  class DateTimeFormat {
    #locale; #name; #tag; #fields; #zone; #cycle; #zoneName; #styles; #given;
    constructor(locales, options, needs = 'any', defaults = 'date') {
      options = options === undefined ? {} : Object(options);
      const { tag, locale, name } = pick(locales);
      this.#tag = tag; this.#locale = locale; this.#name = name;
      const styles = { date: chosen(options, 'dateStyle', ['full', 'long', 'medium', 'short']), time: chosen(options, 'timeStyle', ['full', 'long', 'medium', 'short']) };
      this.#styles = styles;
      this.#fields = fieldsOf(options, needs, defaults);
      this.#zoneName = chosen(options, 'timeZoneName', ['short', 'long', 'shortOffset', 'longOffset', 'shortGeneric', 'longGeneric']);
      if (styles.date || styles.time) {
        if (Object.keys(this.#fields).length || this.#zoneName) throw new TypeError(`Can't set option ${Object.keys(this.#fields)[0] ?? 'timeZoneName'} when ${styles.date ? 'dateStyle' : 'timeStyle'} is used`);
        this.#fields = { ...(styles.date ? locale.styles[styles.date] : {}), ...(styles.time ? { hour: 'numeric', minute: '2-digit', ...(styles.time === 'short' ? {} : { second: '2-digit' }) } : {}) };
        if (styles.time === 'full') this.#zoneName = 'long';
        if (styles.time === 'long') this.#zoneName = 'short';
      }
      const zone = options.timeZone === undefined ? 'UTC' : String(options.timeZone);
      this.#zone = UTC_NAMES.test(zone) ? 'UTC' : zone;
      if (this.#zone !== 'UTC') zoneAt(this.#zone, 0);
      const cycle = chosen(options, 'hourCycle', ['h11', 'h12', 'h23', 'h24']);
      this.#given = options.hour12 !== undefined || cycle !== undefined;
      this.#cycle = options.hour12 !== undefined ? (options.hour12 ? 'h12' : locale.h12 ? 'h24' : 'h23') : cycle ?? (locale.h12 ? 'h12' : 'h23');
      this.format = this.format.bind(this);
    }
    static supportedLocalesOf(locales) { return asked(locales); }
    #parts(value) {
      const time = value === undefined ? Date.now() : Number(value);
      if (!Number.isFinite(time) || Math.abs(time) > 8.64e15) throw new RangeError('Invalid time value');
      const zone = zoneAt(this.#zone, time), local = new Date(time + zone.offset), locale = this.#locale, f = this.#fields;
      const parts = [];
      const add = (type, text) => text && parts.push({ type, value: String(text) });
      this.#date(local, add);
      const hasDate = parts.length > 0, hasTime = TIME.some((name) => f[name] !== undefined);
      if (hasDate && (hasTime || this.#zoneName)) {
        const inWords = f.month === 'long' && f.day && hasTime && (this.#styles.date ? this.#styles.time !== undefined : true);
        add('literal', hasTime ? (inWords ? locale.at : !f.month && !f.day && f.weekday && locale === EN ? ' ' : locale.glue) : ', ');
      }
      if (hasTime) this.#time(local, add);
      if (this.#zoneName) { if (hasTime) add('literal', ' '); add('timeZoneName', zoneName(this.#zone, zone, this.#zoneName, locale !== EN)); }
      return parts;
    }
    #date(local, add) {
      const f = this.#fields, locale = this.#locale;
      const year = f.year && (f.year === '2-digit' ? pad(local.getUTCFullYear() % 100, 2) : String(local.getUTCFullYear()));
      const words = f.month && !NUMBERS.includes(f.month);
      const whole = f.year && f.month && f.day, least = words ? 1 : f.month ? locale.d : 1;
      const day = f.day && pad(local.getUTCDate(), f.day === '2-digit' ? 2 : least);
      const monthAt = local.getUTCMonth();
      const month = f.month && (words ? (f.month === 'long' ? locale.months : locale.shortMonths)[monthAt].slice(0, f.month === 'narrow' ? 1 : undefined) : pad(monthAt + 1, f.month === '2-digit' ? 2 : f.year || f.day ? locale.m : 1));
      const shown = f.month === 'narrow' ? month.toUpperCase() : month;
      const weekday = f.weekday && (f.weekday === 'long' ? locale.days : locale.shortDays)[local.getUTCDay()].slice(0, f.weekday === 'narrow' ? 1 : undefined);
      const era = f.era && (local.getUTCFullYear() > 0 ? 'AD' : 'BC');
      const put = (type, text, before) => { if (text) { if (before !== null) add('literal', before); add(type, text); } };
      if (words) {
        const marks = { weekday, day, month: shown, year };
        const groups = locale.text(weekday && '\u0001', day && '\u0002', shown && '\u0003', year && '\u0004', f.month === 'long');
        let text = '';
        groups.forEach((group, at) => { text += (at ? (group === '\u0004' && !groups.join('').includes('\u0002') ? ' ' : locale.comma) : '') + group; });
        const kinds = { '\u0001': 'weekday', '\u0002': 'day', '\u0003': 'month', '\u0004': 'year' };
        for (const piece of text.split(/([\u0001-\u0004])/)) if (kinds[piece]) add(kinds[piece], marks[kinds[piece]]); else add('literal', piece);
      } else {
        const order = { d: ['day', day], m: ['month', month], y: ['year', year] };
        if (weekday && day && !month) { if (locale === EN) { add('day', day); put('weekday', weekday, ' '); } else { add('weekday', weekday); put('day', day, ' '); } put('year', year, ' '); }
        else {
          add('weekday', weekday);
          let first = true;
          for (const letter of locale.numeric) {
            const [type, value] = order[letter];
            if (!value) continue;
            put(type, value, first ? (weekday ? ', ' : null) : locale.joint);
            first = false;
          }
        }
        if (whole && !weekday && f.year === 'numeric' && locale.suffix) add('literal', locale.suffix);
      }
      if (era) put('era', era, ' ');
    }
    #time(local, add) {
      const f = this.#fields, cycle = this.#cycle, locale = this.#locale, h = local.getUTCHours();
      const halves = cycle === 'h12' || cycle === 'h11';
      const hour = halves ? (cycle === 'h12' ? h % 12 || 12 : h % 12) : cycle === 'h24' ? h || 24 : h;
      const least = halves ? 1 : f.minute || f.second ? (locale.h12 || this.#given ? 2 : locale.h) : locale.h12 ? 2 : locale.h;
      const sequence = [];
      if (f.hour) sequence.push(['hour', pad(hour, f.hour === '2-digit' ? 2 : least)]);
      if (f.minute) sequence.push(['minute', f.hour || f.second ? pad(local.getUTCMinutes(), 2) : String(local.getUTCMinutes())]);
      if (f.second) sequence.push(['second', f.minute ? pad(local.getUTCSeconds(), 2) : String(local.getUTCSeconds())]);
      sequence.forEach(([type, value], at) => { if (at) add('literal', ':'); add(type, value); });
      if (f.fractionalSecondDigits) { if (sequence.length) add('literal', '.'); add('fractionalSecond', pad(local.getUTCMilliseconds(), 3).slice(0, +f.fractionalSecondDigits)); }
      if (f.hour && halves) { add('literal', ' '); add('dayPeriod', (locale.halves ?? (locale === EN ? ['AM', 'PM'] : ['am', 'pm']))[h < 12 ? 0 : 1]); }
    }
    format(value) { return this.#parts(value).map((part) => part.value).join(''); }
    formatToParts(value) { return this.#parts(value); }
    formatRange(from, to) { const a = this.format(from), b = this.format(to); return a === b ? a : `${a} – ${b}`; }
    resolvedOptions() {
      const cycles = this.#fields.hour ? { hourCycle: this.#cycle, hour12: this.#cycle === 'h12' || this.#cycle === 'h11' } : {};
      const { date, time } = this.#styles;
      return { locale: this.#tag, calendar: 'gregory', numberingSystem: 'latn', timeZone: this.#zone, ...cycles, ...(date || time ? {} : this.#fields), ...(date ? { dateStyle: date } : {}), ...(time ? { timeStyle: time } : {}), ...(this.#zoneName && !time ? { timeZoneName: this.#zoneName } : {}) };
    }
  }

  // ---- numbers ----------------------------------------------------------------------------------------

  const SIGNS = { USD: '$', EUR: '€', GBP: '£', JPY: '¥', INR: '₹', CNY: 'CN¥', KRW: '₩', BRL: 'R$', CAD: 'CA$', AUD: 'A$', MXN: 'MX$', NZD: 'NZ$', ILS: '₪', VND: '₫', HKD: 'HK$', TWD: 'NT$', PHP: '₱' };
  const AT_HOME = { 'en-GB': {}, 'pt-BR': {}, 'de-DE': { USD: '$' }, 'fr-FR': { USD: '$US', GBP: '£GB' }, 'es-ES': { USD: 'US$' }, 'it-IT': { USD: 'USD' }, 'nl-NL': { USD: 'US$' }, 'sv-SE': { USD: 'US$', SEK: 'kr' } };
  const NO_CENTS = new Set(['JPY', 'KRW', 'VND', 'CLP', 'ISK', 'HUF0']);
  const CURRENCY_NAMES = { USD: ['US dollar', 'US dollars'], EUR: ['euro', 'euros'], GBP: ['British pound', 'British pounds'], JPY: ['Japanese yen', 'Japanese yen'] };
  // The shortest decimal digits of a number, as [digits, exponent]: 0.digits × 10^exponent. Rounding works on these, as ICU's does.
  function decimal(value) {
    const [mantissa, exponent = '0'] = (typeof value === 'bigint' ? String(value < 0n ? -value : value) : String(Math.abs(value))).split('e');
    const [whole, part = ''] = mantissa.split('.');
    const digits = (whole + part).replace(/^0+/, '');
    return [digits, whole.length + Number(exponent) - ((whole + part).length - digits.length)];
  }
  function rounded([digits, exponent], keep) { // keep: how many of the digits stay
    if (keep >= digits.length) return [digits, exponent];
    if (keep < 0) return ['', 0];
    const up = digits[keep] >= '5';
    let kept = digits.slice(0, keep).split('');
    if (up) {
      let at = keep - 1;
      while (at >= 0 && kept[at] === '9') kept[at--] = '0';
      if (at < 0) { kept.unshift('1'); exponent++; } else kept[at] = String(+kept[at] + 1);
    }
    return [kept.join(''), exponent];
  }
  function plainDigits([digits, exponent], least, most) {
    const kept = rounded([digits, exponent], exponent + most);
    const [d, e] = kept[0].replace(/0+$/, '') === '' ? ['', 0] : kept;
    const whole = e > 0 ? d.slice(0, e).padEnd(e, '0') : '0';
    const part = e > 0 ? d.slice(e) : '0'.repeat(-e) + d;
    return [whole, part.replace(/0+$/, '').padEnd(least, '0')];
  }
  const COMPACT = [['', ''], ['K', ' thousand'], ['M', ' million'], ['B', ' billion'], ['T', ' trillion']];
  const integer = (options, name, low, high, fallback) => {
    const value = options?.[name];
    if (value === undefined) return fallback;
    if (!(value >= low && value <= high)) throw new RangeError(`${name} value is out of range.`);
    return Math.floor(value);
  };
  class NumberFormat {
    #locale; #name; #tag; #o;
    constructor(locales, options = {}) {
      const { tag, locale, name } = pick(locales);
      this.#tag = tag; this.#locale = locale; this.#name = name;
      const style = chosen(options, 'style', ['decimal', 'percent', 'currency', 'unit'], 'decimal');
      const currency = options.currency === undefined ? undefined : String(options.currency).toUpperCase();
      if (style === 'currency' && currency === undefined) throw new TypeError('Currency code is required with currency style.');
      if (currency !== undefined && !/^[A-Z]{3}$/.test(currency)) throw new RangeError(`Invalid currency code : ${options.currency}`);
      const notation = chosen(options, 'notation', ['standard', 'scientific', 'engineering', 'compact'], 'standard');
      const cents = style === 'currency' ? (NO_CENTS.has(currency) ? 0 : 2) : 0;
      const usual = style === 'currency' ? cents : style === 'percent' ? 0 : 3;
      let least = integer(options, 'minimumFractionDigits', 0, 100, undefined);
      let most = integer(options, 'maximumFractionDigits', 0, 100, undefined);
      if (least !== undefined && most !== undefined && least > most) throw new RangeError('maximumFractionDigits value is out of range.');
      if (least === undefined) least = Math.min(cents, most ?? cents);
      if (most === undefined) most = Math.max(usual, least);
      const significant = options.minimumSignificantDigits !== undefined || options.maximumSignificantDigits !== undefined;
      this.#o = {
        style, currency, notation, least, most, significant,
        compact: notation === 'compact' && options.maximumFractionDigits === undefined && options.minimumFractionDigits === undefined && !significant,
        low: integer(options, 'minimumSignificantDigits', 1, 21, 1), high: integer(options, 'maximumSignificantDigits', 1, 21, 21),
        whole: integer(options, 'minimumIntegerDigits', 1, 21, 1), grouping: options.useGrouping === undefined ? true : options.useGrouping !== false && options.useGrouping !== 'false',
        sign: chosen(options, 'signDisplay', ['auto', 'never', 'always', 'exceptZero', 'negative'], 'auto'), money: chosen(options, 'currencyDisplay', ['code', 'symbol', 'narrowSymbol', 'name'], 'symbol'),
        accounting: options.currencySign === 'accounting', unit: options.unit, unitDisplay: options.unitDisplay ?? 'short', words: chosen(options, 'compactDisplay', ['short', 'long'], 'short'),
      };
      this.format = this.format.bind(this);
    }
    static supportedLocalesOf(locales) { return asked(locales); }
    #digits(value) {
      const o = this.#o, locale = this.#locale;
      let number = decimal(value);
      if (o.style === 'percent') number = [number[0], number[1] + 2];
      let suffix = '';
      if (o.notation === 'compact') {
        const size = Math.max(0, Math.min(4, Math.floor((rounded(number, Math.max(2, number[1]))[1] - 1) / 3)));
        suffix = COMPACT[size][o.words === 'long' ? 1 : 0];
        number = [number[0], number[1] - 3 * size];
      }
      let whole, part;
      if (o.compact) [whole, part] = plainDigits(rounded(number, Math.max(2, number[1])), 0, 20);
      else if (o.significant) {
        [whole, part] = plainDigits(rounded(number, o.high), 0, 100);
        const shown = (whole === '0' ? '' : whole).length + (whole === '0' ? part.replace(/^0+/, '') : part).length;
        if (shown < o.low) part += '0'.repeat(o.low - shown);
      } else [whole, part] = plainDigits(number, o.least, o.most);
      whole = whole.padStart(o.whole, '0');
      if (o.grouping && whole.length >= 3 + (o.notation === 'compact' ? 2 : locale.least)) whole = whole.replace(/\B(?=(\d{3})+$)/g, locale.group);
      return { zero: /^[0.,\s]*$/.test(whole + part), text: (part ? whole + locale.decimal + part : whole) + suffix };
    }
    format(value) {
      const o = this.#o, locale = this.#locale;
      const number = typeof value === 'bigint' ? value : Number(value);
      const negative = typeof number === 'bigint' ? number < 0n : number < 0 || Object.is(number, -0);
      let zero = false, text;
      if (typeof number === 'number' && !Number.isFinite(number)) text = Number.isNaN(number) ? 'NaN' : '∞';
      else if (o.notation === 'scientific') { const [digits, exponent] = rounded(decimal(number), 1 + o.most); const e = digits ? exponent - 1 : 0; text = `${digits[0] ?? 0}${digits.length > 1 ? locale.decimal + digits.slice(1) : ''}E${e}`; }
      else ({ text, zero } = this.#digits(number));
      if (o.style === 'percent') text += locale.percent;
      if (o.style === 'currency') {
        const named = o.money === 'name';
        const sign = o.money === 'code' ? o.currency : o.money === 'narrowSymbol' ? (SIGNS[o.currency] ?? o.currency).replace(/^[A-Z]+(?=[$¥])/, '') : AT_HOME[this.#name]?.[o.currency] ?? SIGNS[o.currency] ?? o.currency;
        text = named ? `${text} ${(CURRENCY_NAMES[o.currency] ?? [o.currency, o.currency])[text === '1.00' || text === '1' ? 0 : 1]}` : locale.currency(sign, text);
      }
      if (o.style === 'unit') text = unitText(text, o);
      const minus = negative && !Number.isNaN(number);
      if (minus && o.sign !== 'never' && !(o.sign === 'exceptZero' && zero) && !(o.sign === 'negative' && zero)) return o.accounting && o.style === 'currency' ? `(${text})` : (this.#name === 'sv-SE' ? '\u2212' : '-') + text;
      if (o.sign === 'always' || (o.sign === 'exceptZero' && !zero)) return minus ? text : `+${text}`;
      return text;
    }
    formatToParts(value) {
      return this.format(value).split(/(\d+|[^\d]+)/).filter(Boolean).map((text, at, all) => ({ type: /\d/.test(text) ? (all[at - 1] === this.#locale.decimal ? 'fraction' : 'integer') : text === this.#locale.decimal && at ? 'decimal' : text === this.#locale.group ? 'group' : text === '%' ? 'percentSign' : text === '-' ? 'minusSign' : this.#o.style === 'currency' ? 'currency' : 'literal', value: text }));
    }
    formatRange(from, to) { return `${this.format(from)}–${this.format(to)}`; }
    resolvedOptions() {
      const o = this.#o;
      return { locale: this.#tag, numberingSystem: 'latn', style: o.style, ...(o.style === 'currency' ? { currency: o.currency, currencyDisplay: o.money, currencySign: o.accounting ? 'accounting' : 'standard' } : {}), minimumIntegerDigits: o.whole, minimumFractionDigits: o.least, maximumFractionDigits: o.most, useGrouping: o.grouping ? 'auto' : false, notation: o.notation, signDisplay: o.sign, roundingIncrement: 1, roundingMode: 'halfExpand', roundingPriority: 'auto', trailingZeroDisplay: 'auto' };
    }
  }
  const UNITS = { byte: ['byte', 'B'], kilobyte: ['kilobyte', 'kB'], megabyte: ['megabyte', 'MB'], gigabyte: ['gigabyte', 'GB'], percent: ['percent', '%'], kilometer: ['kilometer', 'km'], meter: ['meter', 'm'], mile: ['mile', 'mi'], 'kilometer-per-hour': ['kilometer per hour', 'km/h'], celsius: ['degree Celsius', '°C'], second: ['second', 'sec'], minute: ['minute', 'min'], hour: ['hour', 'hr'], day: ['day', 'day'], liter: ['liter', 'L'], kilogram: ['kilogram', 'kg'], millisecond: ['millisecond', 'ms'] };
  function unitText(text, { unit, unitDisplay }) {
    const found = UNITS[unit];
    if (!found) throw new RangeError(`Invalid unit argument for Intl.NumberFormat() '${unit}'`);
    if (unitDisplay === 'long') return `${text} ${found[0]}${text === '1' || unit === 'percent' || unit === 'celsius' ? '' : 's'}`;
    return unit === 'percent' || unit === 'celsius' ? text + found[1] : `${text}${unitDisplay === 'narrow' ? '' : ' '}${found[1]}${unit === 'day' && text !== '1' ? 's' : ''}`;
  }

  // ---- order ------------------------------------------------------------------------------------------

  const rank = (character) => (/\s/.test(character) ? 0 : /[_\-,;:!?.'"()[\]{}@*/\\&#%]/.test(character) ? 1 : /[`^+<=>|~$]/.test(character) ? 2 : /\d/.test(character) ? 3 : 4);
  const PUNCTUATION = '_-,;:!?.\'"()[]{}@*/\\&#%`^+<=>|~$';
  const keys = (text) => {
    const plain = text.normalize('NFD'), base = [], marks = [], cases = [];
    for (const character of plain) {
      if (/\p{M}/u.test(character)) { marks[Math.max(0, base.length - 1)] = (marks[base.length - 1] ?? '') + character; continue; }
      const lower = character.toLowerCase();
      base.push(lower); cases.push(lower === character ? 0 : 1); marks[base.length - 1] = '';
    }
    return { base, marks, cases };
  };
  function compareKeys(a, b, numeric) {
    for (let i = 0, j = 0; i < a.length || j < b.length;) {
      if (i >= a.length) return -1;
      if (j >= b.length) return 1;
      if (numeric && /\d/.test(a[i]) && /\d/.test(b[j])) {
        let p = '', q = '';
        while (i < a.length && /\d/.test(a[i])) p += a[i++];
        while (j < b.length && /\d/.test(b[j])) q += b[j++];
        p = p.replace(/^0+(?=\d)/, ''); q = q.replace(/^0+(?=\d)/, '');
        if (p.length !== q.length) return p.length < q.length ? -1 : 1;
        if (p !== q) return p < q ? -1 : 1;
        continue;
      }
      const x = a[i++], y = b[j++];
      if (x === y) continue;
      const r = rank(x) - rank(y);
      if (r) return r < 0 ? -1 : 1;
      const at = PUNCTUATION.indexOf(x), bt = PUNCTUATION.indexOf(y);
      if (at >= 0 && bt >= 0) return at < bt ? -1 : 1;
      return x < y ? -1 : 1;
    }
    return 0;
  }
  const first = (a, b) => { for (let at = 0; at < Math.max(a.length, b.length); at++) if ((a[at] ?? '') !== (b[at] ?? '')) return (a[at] ?? '') < (b[at] ?? '') ? -1 : 1; return 0; };
  class Collator {
    #o; #tag;
    constructor(locales, options = {}) {
      const { tag } = pick(locales);
      this.#tag = tag;
      this.#o = { usage: options.usage ?? 'sort', sensitivity: chosen(options, 'sensitivity', ['base', 'accent', 'case', 'variant'], 'variant'), ignorePunctuation: Boolean(options.ignorePunctuation), collation: 'default', numeric: options.numeric === undefined ? /-u-.*kn/.test(String(locales ?? '')) : Boolean(options.numeric), caseFirst: options.caseFirst ?? 'false' };
      this.compare = (a, b) => this.#compare(String(a), String(b));
    }
    static supportedLocalesOf(locales) { return asked(locales); }
    #compare(a, b) {
      if (a === b) return 0;
      const o = this.#o, x = keys(a), y = keys(b);
      if (o.ignorePunctuation) for (const key of [x, y]) key.base = key.base.filter((character) => rank(character) > 1);
      return compareKeys(x.base, y.base, o.numeric) || (o.sensitivity === 'accent' || o.sensitivity === 'variant' ? first(x.marks, y.marks) : 0) || (o.sensitivity === 'case' || o.sensitivity === 'variant' ? (o.caseFirst === 'upper' ? -first(x.cases, y.cases) : first(x.cases, y.cases)) : 0);
    }
    resolvedOptions() { return { locale: this.#tag, ...this.#o }; }
  }

  // ---- words ------------------------------------------------------------------------------------------

  class PluralRules {
    #ordinal; #tag; #name;
    constructor(locales, options = {}) { const { tag, name } = pick(locales); this.#tag = tag; this.#name = name; this.#ordinal = chosen(options, 'type', ['cardinal', 'ordinal'], 'cardinal') === 'ordinal'; }
    static supportedLocalesOf(locales) { return asked(locales); }
    select(value) {
      const n = Math.abs(Number(value));
      if (!this.#ordinal) return n === 1 || (/^(?:fr|pt)/.test(this.#name) && n < 2) ? 'one' : 'other';
      if (!this.#name.startsWith('en')) return 'other';
      return n % 10 === 1 && n % 100 !== 11 ? 'one' : n % 10 === 2 && n % 100 !== 12 ? 'two' : n % 10 === 3 && n % 100 !== 13 ? 'few' : 'other';
    }
    resolvedOptions() { return { locale: this.#tag, type: this.#ordinal ? 'ordinal' : 'cardinal', pluralCategories: this.#ordinal ? ['few', 'one', 'two', 'other'] : ['one', 'other'] }; }
  }
  const AND = { en: ['and', 'or'], de: ['und', 'oder'], fr: ['et', 'ou'], es: ['y', 'o'], it: ['e', 'o'], nl: ['en', 'of'], pt: ['e', 'ou'], sv: ['och', 'eller'], ja: ['', 'または'], zh: ['和', '或'] };
  class ListFormat {
    #type; #style; #name; #tag;
    constructor(locales, options = {}) { const { tag, name } = pick(locales); this.#tag = tag; this.#name = name; this.#type = chosen(options, 'type', ['conjunction', 'disjunction', 'unit'], 'conjunction'); this.#style = chosen(options, 'style', ['long', 'short', 'narrow'], 'long'); }
    static supportedLocalesOf(locales) { return asked(locales); }
    format(list) {
      const items = [...list];
      for (const item of items) if (typeof item !== 'string') throw new TypeError('Iterable yielded ' + String(item) + ' which is not a string');
      if (items.length < 2) return items.join('');
      if (AND[this.#name.slice(0, 2)][1].codePointAt(0) > 0x2fff) return this.#eastern(items);
      if (this.#type === 'unit') return items.join(this.#style === 'narrow' ? ' ' : ', ');
      const english = this.#name.startsWith('en');
      const word = english && this.#type === 'conjunction' && this.#style !== 'long' && this.#name === 'en-US' ? (this.#style === 'short' ? '&' : '') : AND[this.#name.slice(0, 2)][this.#type === 'conjunction' ? 0 : 1];
      const last = items.pop();
      if (items.length === 1) return word ? `${items[0]} ${word} ${last}` : `${items[0]}, ${last}`;
      return `${items.join(', ')}${this.#name === 'en-US' || !word ? ',' : ''} ${word ? word + ' ' : ''}${last}`;
    }
    #eastern(items) {
      const japanese = this.#name === 'ja-JP';
      if (this.#type === 'unit') return items.join(japanese && this.#style !== 'narrow' ? ' ' : '');
      const word = AND[this.#name.slice(0, 2)][this.#type === 'conjunction' ? 0 : 1], last = items.pop();
      return items.join('、') + (word === '' || (japanese && items.length > 1) ? '、' : '') + word + last;
    }
    formatToParts(list) { return [{ type: 'literal', value: this.format(list) }]; }
    resolvedOptions() { return { locale: this.#tag, type: this.#type, style: this.#style }; }
  }
  const NEAR = { day: ['yesterday', 'today', 'tomorrow'], year: ['last year', 'this year', 'next year'], month: ['last month', 'this month', 'next month'], week: ['last week', 'this week', 'next week'], quarter: ['last quarter', 'this quarter', 'next quarter'], hour: [null, 'this hour', null], minute: [null, 'this minute', null], second: [null, 'now', null] };
  class RelativeTimeFormat {
    #auto; #style; #tag;
    constructor(locales, options = {}) { this.#tag = pick(locales).tag; this.#auto = chosen(options, 'numeric', ['always', 'auto'], 'always') === 'auto'; this.#style = chosen(options, 'style', ['long', 'short', 'narrow'], 'long'); }
    static supportedLocalesOf(locales) { return asked(locales); }
    format(value, unit) {
      const name = String(unit).replace(/s$/, ''), number = Number(value);
      if (!NEAR[name]) throw new RangeError(`Invalid unit argument for format() '${unit}'`);
      if (!Number.isFinite(number)) throw new RangeError('Invalid number value');
      const near = this.#auto && Math.abs(number) <= 1 && Number.isInteger(number) ? NEAR[name][number + 1] : null;
      if (near) return near;
      const size = new NumberFormat('en-US').format(Math.abs(number)), words = `${size} ${name}${Math.abs(number) === 1 ? '' : 's'}`;
      return number < 0 || Object.is(number, -0) ? `${words} ago` : `in ${words}`;
    }
    formatToParts(value, unit) { return [{ type: 'literal', value: this.format(value, unit) }]; }
    resolvedOptions() { return { locale: this.#tag, style: this.#style, numeric: this.#auto ? 'auto' : 'always', numberingSystem: 'latn' }; }
  }
  class Locale {
    #tag;
    constructor(tag, options = {}) {
      this.#tag = canonical(tag);
      if (options.region || options.language) { const parts = this.#tag.split('-'); if (options.language) parts[0] = options.language; if (options.region) { const at = parts.findIndex((part, i) => i && part.length === 2); if (at > 0) parts[at] = options.region; else parts.push(options.region); } this.#tag = canonical(parts.join('-')); }
    }
    get language() { return this.#tag.split('-')[0]; }
    get script() { return this.#tag.split('-').slice(1).find((part) => part.length === 4); }
    get region() { return this.#tag.split('-').slice(1).find((part) => /^(?:[A-Z]{2}|\d{3})$/.test(part)); }
    get baseName() { return this.#tag.split('-u-')[0]; }
    toString() { return this.#tag; }
  }
  class DisplayNames {
    #fallback; #tag; #type;
    constructor(locales, options) { if (options?.type === undefined) throw new TypeError('Required option "type" must not be undefined'); this.#tag = pick(locales).tag; this.#type = options.type; this.#fallback = options.fallback ?? 'code'; }
    of(code) {
      let found;
      if (this.#type === 'currency') found = CURRENCY_NAMES[code]?.[0].replace(/dollar|pound|yen|euro/, (word) => word[0].toUpperCase() + word.slice(1));
      return found || (this.#fallback === 'code' ? String(code) : undefined);
    }
    resolvedOptions() { return { locale: this.#tag, style: 'long', type: this.#type, fallback: this.#fallback }; }
  }
  class Segmenter {
    #granularity;
    constructor(locales, options = {}) { this.#granularity = chosen(options, 'granularity', ['grapheme', 'word', 'sentence'], 'grapheme'); }
    segment(text) {
      text = String(text);
      const pattern = this.#granularity === 'word' ? /[\p{L}\p{N}\p{M}_']+|\s+|[^]/gu : this.#granularity === 'sentence' ? /[^.!?]+[.!?]*\s*/gu : /\r\n|\p{RI}\p{RI}|[^](?:\u200d\p{Extended_Pictographic}|[\p{M}\u200d\ufe0f\u{1f3fb}-\u{1f3ff}])*/gu;
      const granularity = this.#granularity;
      return { *[Symbol.iterator]() { for (const match of text.matchAll(pattern)) yield { segment: match[0], index: match.index, input: text, ...(granularity === 'word' ? { isWordLike: /[\p{L}\p{N}]/u.test(match[0]) } : {}) }; } };
    }
  }

  const Intl = { getCanonicalLocales: (locales) => [...new Set(asked(locales))], supportedValuesOf: (key) => (key === 'currency' ? Object.keys(SIGNS).sort() : []) };
  const callable = (type) => new Proxy(type, { apply: (target, _this, parameters) => new target(...parameters) });
  for (const [name, type] of Object.entries({ DateTimeFormat: callable(DateTimeFormat), NumberFormat: callable(NumberFormat), Collator: callable(Collator), PluralRules, ListFormat, RelativeTimeFormat, Locale, DisplayNames, Segmenter })) Object.defineProperty(Intl, name, { value: type, writable: true, configurable: true });
  Object.defineProperty(Intl, Symbol.toStringTag, { value: 'Intl', configurable: true });
  const date = (value, locales, options, needs, defaults) => (Number.isNaN(value.getTime()) ? 'Invalid Date' : new DateTimeFormat(locales, options, needs, defaults).format(value));
  return { Intl, date, number: (value, locales, options) => new NumberFormat(locales, options).format(value), compare: (a, b, locales, options) => new Collator(locales, options).compare(a, b) };
})
