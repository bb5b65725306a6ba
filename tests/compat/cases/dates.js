exports.handler = async () => {
    const day = new Date(Date.UTC(2026, 10, 22, 12, 30, 5));
    const parts = [
        day.toUTCString(), day.toISOString(), day.getTime(), new Date('2026-11-22').getUTCDay(), Date.parse('Wed, 05 Apr 2023 07:28:00 GMT'),
        Date.now() > 1700000000000, new Date(day.getTime() + 864e5).toISOString().slice(0, 10),
    ];
    return { status: '200', body: parts.join('|') };
};
