// Starts Redoc.
'use strict';

Redoc.init('/openapi.json', { hideDownloadButton: false, expandResponses: '200,201', sortPropsAlphabetically: false },
    document.getElementById('redoc'));
