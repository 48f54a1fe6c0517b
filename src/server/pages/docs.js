// Starts Swagger UI. Authorize uses the password flow that /openapi.json describes; the token stays in this page's memory.
'use strict';

SwaggerUIBundle({
    url: '/openapi.json',
    dom_id: '#docs',
    deepLinking: true,
    docExpansion: 'none',
    displayRequestDuration: true,
    filter: true,
    persistAuthorization: false,
    queryConfigEnabled: false, // nobody's link makes this page load another document
    validatorUrl: null, // nothing leaves this server
});
