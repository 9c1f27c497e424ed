/* What this server offers: grpc.reflection.v1.ServerReflection, from the descriptors that the build
 * made of proto/ (en_published_files). */
#include "grpc/server.h"

#include "rpc/arena.h"

#include <descriptor/view.pb-c.h>
#include <grpc/reflection/v1/reflection.pb-c.h>

#include <stdio.h>
#include <string.h>

#define FILES_MAX 8u
#define ANSWER_MAX_BYTES 65536u

extern const unsigned char en_published_files[];
extern const unsigned long en_published_files_size;

typedef Grpc__Reflection__V1__ServerReflectionRequest request_t;
typedef Grpc__Reflection__V1__ServerReflectionResponse response_t;

/* The published files, decoded for one question; they are few. */
struct files {
    struct en_rpc_arena arena;
    Enoki__Descriptor__FileSet *set;
    Enoki__Descriptor__File *file[FILES_MAX];
    size_t count;
};

static bool open_files(struct files *files)
{
    en_rpc_arena_init(&files->arena, en_published_files_size);
    files->count = 0;
    files->set = enoki__descriptor__file_set__unpack(&files->arena.allocator,
                                                     en_published_files_size, en_published_files);
    if (files->set == NULL)
        return false;
    for (; files->count < files->set->n_file && files->count < FILES_MAX; files->count++) {
        const ProtobufCBinaryData *bytes = &files->set->file[files->count];

        files->file[files->count] =
            enoki__descriptor__file__unpack(&files->arena.allocator, bytes->len, bytes->data);
        if (files->file[files->count] == NULL)
            return false;
    }
    return true;
}

static bool is_equal(ProtobufCBinaryData a, ProtobufCBinaryData b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* True if symbol is PACKAGE.NAME, or something in it. */
static bool names(ProtobufCBinaryData symbol, ProtobufCBinaryData package,
                  Enoki__Descriptor__Named *const *list, size_t count)
{
    ProtobufCBinaryData rest;

    if (symbol.len <= package.len || memcmp(symbol.data, package.data, package.len) != 0 ||
        symbol.data[package.len] != '.')
        return false;
    rest = (ProtobufCBinaryData){symbol.len - package.len - 1, symbol.data + package.len + 1};
    for (size_t i = 0; i < count; i++) {
        size_t len = list[i]->name.len;

        if (rest.len >= len && memcmp(rest.data, list[i]->name.data, len) == 0 &&
            (rest.len == len || rest.data[len] == '.'))
            return true;
    }
    return false;
}

static bool has_symbol(const Enoki__Descriptor__File *file, ProtobufCBinaryData symbol)
{
    return names(symbol, file->package, file->service, file->n_service) ||
           names(symbol, file->package, file->message_type, file->n_message_type) ||
           names(symbol, file->package, file->enum_type, file->n_enum_type);
}

/* --- answers ------------------------------------------------------------------------------------
 */

static grpc_byte_buffer *pack(const response_t *response)
{
    struct en_buffer bytes = EN_BUFFER_INIT(ANSWER_MAX_BYTES);
    size_t size = grpc__reflection__v1__server_reflection_response__get_packed_size(response);

    if (en_buffer_reserve(&bytes, size + 1) != 0)
        return NULL;
    bytes.len =
        grpc__reflection__v1__server_reflection_response__pack(response, (uint8_t *)bytes.data);
    return en_grpc_message(&bytes);
}

static grpc_byte_buffer *answer_error(response_t *response, grpc_status_code code, const char *text)
{
    Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

    error.error_code = (int32_t)code;
    error.error_message = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    response->error_response = &error;
    return pack(response);
}

static grpc_byte_buffer *answer_file(response_t *response, const struct files *files,
                                     ProtobufCBinaryData wanted, bool by_name)
{
    Grpc__Reflection__V1__FileDescriptorResponse found =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;

    for (size_t i = 0; i < files->count && found.n_file_descriptor_proto == 0; i++) {
        if (by_name ? is_equal(files->file[i]->name, wanted) : has_symbol(files->file[i], wanted)) {
            found.file_descriptor_proto = &files->set->file[i];
            found.n_file_descriptor_proto = 1;
        }
    }
    if (found.n_file_descriptor_proto == 0)
        return answer_error(response, GRPC_STATUS_NOT_FOUND,
                            by_name ? "no such file" : "no such symbol");
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    response->file_descriptor_response = &found;
    return pack(response);
}

static grpc_byte_buffer *answer_list(response_t *response, const struct files *files)
{
    Grpc__Reflection__V1__ListServiceResponse list =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    Grpc__Reflection__V1__ServiceResponse services[FILES_MAX], *pointers[FILES_MAX];
    char texts[FILES_MAX][128];

    for (size_t i = 0; i < files->count; i++) {
        const Enoki__Descriptor__File *file = files->file[i];
        int len;

        if (file->n_service == 0)
            continue;
        len = snprintf(texts[list.n_service], sizeof(texts[0]), "%.*s.%.*s",
                       (int)file->package.len, (const char *)file->package.data,
                       (int)file->service[0]->name.len, (const char *)file->service[0]->name.data);
        grpc__reflection__v1__service_response__init(&services[list.n_service]);
        services[list.n_service].name =
            (ProtobufCBinaryData){(size_t)len, (uint8_t *)texts[list.n_service]};
        pointers[list.n_service] = &services[list.n_service];
        list.n_service++;
    }
    list.service = pointers;
    response->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    response->list_services_response = &list;
    return pack(response);
}

static grpc_byte_buffer *answer(request_t *request, const struct files *files)
{
    response_t response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

    response.valid_host = request->host;
    response.original_request = request;
    switch (request->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        return answer_file(&response, files, request->file_by_filename, true);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        return answer_file(&response, files, request->file_containing_symbol, false);
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        return answer_list(&response, files);
    default:
        return answer_error(&response, GRPC_STATUS_NOT_FOUND, "there are no extensions");
    }
}

/* --- the stream ---------------------------------------------------------------------------------
 */

static void on_written(struct en_listener_call *call, bool ok)
{
    if (ok)
        en_grpc_read(call);
    else
        en_grpc_fail(call, GRPC_STATUS_CANCELLED, "");
}

static void read_question(struct en_listener_call *call, grpc_byte_buffer *message)
{
    grpc_byte_buffer *response = NULL;
    request_t *request = NULL;
    struct en_rpc_arena arena;
    struct files files;
    grpc_slice slice;

    if (message == NULL) {
        en_grpc_fail(call, GRPC_STATUS_OK, ""); /* no more questions */
        return;
    }
    if (en_grpc_take(message, &slice)) {
        en_rpc_arena_init(&arena, GRPC_SLICE_LENGTH(slice));
        request = grpc__reflection__v1__server_reflection_request__unpack(
            &arena.allocator, GRPC_SLICE_LENGTH(slice), GRPC_SLICE_START_PTR(slice));
        if (request != NULL && open_files(&files))
            response = answer(request, &files);
        if (request != NULL)
            en_rpc_arena_fini(&files.arena);
        en_rpc_arena_fini(&arena);
        grpc_slice_unref(slice);
    }
    if (response != NULL)
        en_grpc_write(call, response, on_written);
    else
        en_grpc_fail(call, GRPC_STATUS_INVALID_ARGUMENT,
                     "the message is no ServerReflectionRequest, or too long");
}

const struct en_grpc_method en_grpc_reflect = {
    .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    .read = read_question,
};
const struct en_grpc_method en_grpc_reflect1 = {
    .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    .read = read_question,
};
